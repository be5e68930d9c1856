// Package deploy tests the files with which fleetdial is built, released and run: the
// Dockerfile, docker-compose.yml, the manifests of Kubernetes, the units of systemd,
// .goreleaser.yaml and .github. The tests read each file with the parser of the program that
// uses it, or as strictly. They run the real commands with the command lines of the files, and
// build the sources that an image is built from as the Dockerfile does.
//
// The tests start no container, no cluster and no unit, and they release nothing. A workflow
// of .github builds the images and starts the fleet of docker-compose.yml.
package deploy
