package deploy

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"

	"github.com/fleetdial/fleetdial/testutil"
)

// manifests returns the objects in a file of deploy/kubernetes, by their kinds. A field that
// Kubernetes does not know is an error.
func manifests(t *testing.T, name string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", "kubernetes", name))
	require.NoError(t, err)
	objects := make(map[string]any)
	for _, document := range strings.Split(string(text), "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		require.NoError(t, yaml.Unmarshal([]byte(document), &kind))
		object, ok := map[string]any{
			"apps/v1 Deployment":                 new(apps.Deployment),
			"batch/v1 Job":                       new(batch.Job),
			"v1 Service":                         new(core.Service),
			"policy/v1 PodDisruptionBudget":      new(policy.PodDisruptionBudget),
			"networking.k8s.io/v1 NetworkPolicy": new(networking.NetworkPolicy),
		}[kind.APIVersion+" "+kind.Kind]
		require.True(t, ok, "%v", kind)
		require.NoError(t, yaml.UnmarshalStrict([]byte(document), object), kind.Kind)
		objects[kind.Kind] = object
	}
	return objects
}

// argsOf returns the arguments of a container with the values of its variables.
func argsOf(container core.Container) (args []string) {
	values := []string{}
	for _, variable := range container.Env {
		value := variable.Value
		if variable.ValueFrom != nil {
			value = "value-of-" + variable.Name
		}
		values = append(values, "$("+variable.Name+")", value)
	}
	for _, arg := range container.Args {
		args = append(args, strings.NewReplacer(values...).Replace(arg))
	}
	return args
}

func requireRestricted(t *testing.T, pod core.PodSpec) {
	t.Helper()
	require.Len(t, pod.Containers, 1)
	container := pod.Containers[0]
	stage(t, container.Name)
	assert.Regexp(t, "^ghcr.io/fleetdial/"+container.Name+":", container.Image)
	require.NotNil(t, pod.AutomountServiceAccountToken)
	assert.False(t, *pod.AutomountServiceAccountToken)
	require.NotNil(t, pod.SecurityContext)
	assert.True(t, *pod.SecurityContext.RunAsNonRoot)
	assert.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
	require.NotNil(t, container.SecurityContext)
	assert.True(t, *container.SecurityContext.ReadOnlyRootFilesystem)
	assert.False(t, *container.SecurityContext.AllowPrivilegeEscalation)
	assert.Equal(t, []core.Capability{"ALL"}, container.SecurityContext.Capabilities.Drop)
	assert.Empty(t, container.SecurityContext.Capabilities.Add)
	assert.NotContains(t, strings.Join(container.Args, " "), "redis-url", "the URL with its password is in a Secret")
}

func TestKubernetes_ProxyManifest(t *testing.T) {
	t.Parallel()
	objects := manifests(t, "proxy.yaml")
	deployment := objects["Deployment"].(*apps.Deployment)
	template := deployment.Spec.Template
	requireRestricted(t, template.Spec)
	container := template.Spec.Containers[0]
	args := argsOf(container)

	ports := make(map[string]string)
	for _, port := range container.Ports {
		ports[port.Name] = strconv.Itoa(int(port.ContainerPort))
	}
	assert.Equal(t, map[string]string{
		"traffic": portOf(t, flagValue(t, args, "listen")), "admin": portOf(t, flagValue(t, args, "admin-listen")),
	}, ports)
	stop := time.Duration(container.Lifecycle.PreStop.Sleep.Seconds)*time.Second + graceOf(t, args)
	assert.Greater(t, time.Duration(*template.Spec.TerminationGracePeriodSeconds)*time.Second, stop)
	require.Len(t, container.VolumeMounts, 1)
	assert.Equal(t, path.Dir(flagValue(t, args, "snapshot")), container.VolumeMounts[0].MountPath)
	require.Len(t, template.Spec.Volumes, 1)
	assert.Equal(t, container.VolumeMounts[0].Name, template.Spec.Volumes[0].Name)
	assert.NotNil(t, template.Spec.Volumes[0].EmptyDir)

	labels := template.Labels
	assertSelects := func(selector map[string]string) {
		t.Helper()
		require.NotEmpty(t, selector)
		assert.Subset(t, labels, selector)
	}
	assertSelects(deployment.Spec.Selector.MatchLabels)
	assertSelects(template.Spec.TopologySpreadConstraints[0].LabelSelector.MatchLabels)
	service := objects["Service"].(*core.Service)
	assertSelects(service.Spec.Selector)
	require.Len(t, service.Spec.Ports, 1, "the admin listener is in no Service")
	assert.Equal(t, "traffic", service.Spec.Ports[0].TargetPort.StrVal)
	assertSelects(objects["PodDisruptionBudget"].(*policy.PodDisruptionBudget).Spec.Selector.MatchLabels)
	rules := objects["NetworkPolicy"].(*networking.NetworkPolicy).Spec
	assertSelects(rules.PodSelector.MatchLabels)
	for _, rule := range rules.Ingress {
		port := rule.Ports[0].Port.StrVal
		assert.Contains(t, ports, port)
		assert.Equal(t, port == "admin", len(rule.From) > 0, "only the admin listener is closed")
	}
	assert.Equal(t, portOf(t, flagValue(t, args, "admin-listen")), template.Annotations["prometheus.io/port"])
}

// TestKubernetes_Proxy runs the command line of the Deployment, and asks as its probes do.
func TestKubernetes_Proxy(t *testing.T) {
	t.Parallel()
	container := manifests(t, "proxy.yaml")["Deployment"].(*apps.Deployment).Spec.Template.Spec.Containers[0]
	var probes []string
	for _, probe := range []*core.Probe{container.StartupProbe, container.ReadinessProbe, container.LivenessProbe} {
		require.NotNil(t, probe)
		assert.Equal(t, "admin", probe.HTTPGet.Port.StrVal)
		probes = append(probes, probe.HTTPGet.Path)
	}
	p := startProxy(t, argsOf(container))
	p.check(probes...)
}

// TestKubernetes_ProxyWithoutRedis checks that the probes do not restart a proxy whose Redis
// is gone, or take it out of service.
func TestKubernetes_ProxyWithoutRedis(t *testing.T) {
	t.Parallel()
	container := manifests(t, "proxy.yaml")["Deployment"].(*apps.Deployment).Spec.Template.Spec.Containers[0]
	p := startProxy(t, argsOf(container))
	p.server.Kill()
	testutil.Eventually(t, within, "the proxy notices", func() bool {
		return strings.Contains(get(t, p.admin+container.ReadinessProbe.HTTPGet.Path), `"degraded"`)
	})
	get(t, p.admin+container.LivenessProbe.HTTPGet.Path)
}

// TestKubernetes_Publish runs the command line of the Job.
func TestKubernetes_Publish(t *testing.T) {
	t.Parallel()
	job := manifests(t, "publish.yaml")["Job"].(*batch.Job)
	requireRestricted(t, job.Spec.Template.Spec)
	assert.Empty(t, job.Name)
	server := testutil.StartRedis(t)
	env := []string{"FLEETDIAL_REDIS_URL=" + server.URL()}
	args := argsOf(job.Spec.Template.Spec.Containers[0])
	output(t, program(t, "publish"), env, "-f", filepath.Join(root, "examples", "incident.json"), "--quiet")
	output(t, program(t, "publish"), env, args...)
}
