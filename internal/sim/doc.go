// Package sim holds tests only. They run fleets of followers on a model of Redis, in virtual
// time, from one seed, and check the promises of the subscriber after each step. The same
// seed gives the same run. TestModel holds the model to a real redis-server.
package sim
