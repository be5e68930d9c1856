package fleetdial_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fleetdial/fleetdial"
)

// The errors of the rejected URLs.
const (
	saysFragment = "the URL has a fragment, which begins with a # (a # in a user name or a password is written %23)"
	saysBlank    = "the URL contains a blank or a control character (a blank in a user name or a password is written %20)"
	saysEnds     = "a blank, a newline or a control character begins or ends the URL (redis://HOST:PORT)"
	saysQuotes   = "quotes begin or end the URL (redis://HOST:PORT)"
	saysNoScheme = "the scheme is missing (redis://HOST:PORT, or unix:///PATH for a socket)"
	saysScheme   = "the URL has an unknown scheme (redis, rediss, unix, redis+sentinel, rediss+sentinel, redis+cluster or rediss+cluster)"
	saysSlashes  = "the two slashes after the scheme are missing ("
	saysNoHost   = "the host is missing (redis://HOST:PORT; redis://127.0.0.1:6379 for this machine)"
	saysHost     = "a host contains other characters than a host name (letters, digits, dots, dashes and underscores)"
	saysPort     = "a port is not a number from 1 to 65535 (redis://HOST:PORT, or redis://HOST for the default port"
	saysColons   = "a host contains several colons (redis://HOST:PORT, or redis://[ADDRESS]:PORT for an IPv6 address)"
	saysBrackets = "the brackets do not contain an IPv6 address (redis://[ADDRESS]:PORT)"
	saysZone     = "the zone of an IPv6 address contains other characters than the name of an interface (letters, digits, dots, dashes and underscores, as in redis://[fe80::1%25eth0]:PORT)"
	saysList     = "several hosts require a scheme for them (redis+sentinel://HOST:PORT,HOST:PORT/MASTER or redis+cluster://HOST:PORT,HOST:PORT)"
	saysDatabase = "the path is not a database number (redis://HOST:PORT/NUMBER; a / in a user name or a password is written %2F)"
	saysAt       = "the path contains an @ (a / in a user name or a password is written %2F)"
	saysAmong    = "the user name and the password are not in front of all hosts (redis+cluster://USER:PASSWORD@HOST:PORT,HOST:PORT; a comma in a user name or a password is written %2C)"
	saysUser     = "the user name or the password is not percent-encoded (a % is written %25"
	saysSocket   = "a socket has no host (unix:///PATH, with three slashes; a / in a user name or a password is written %2F)"
	saysNoSocket = "the path of the socket is missing (unix:///PATH)"
	saysMaster   = "the name of the master is missing (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)"
	saysCluster  = "a Cluster has no databases (redis+cluster://HOST:PORT,HOST:PORT, without a path)"
	saysUnknown  = "an option in the query is unknown (the options of go-redis, sentinel_username and sentinel_password; a ? in a user name or a password is written %3F)"
	saysQuery    = "the query cannot be read ("
)

// rejectedURLs are URLs and the words of their errors. The word hunter2 stands for a part of a
// password.
var rejectedURLs = map[string]string{
	"": "the URL is empty (redis://HOST:PORT)", " ": saysEnds, "redis://h\n": saysEnds, "redis://h\r\n": saysEnds, "\tredis://h": saysEnds,
	"\ufeffredis://h": saysEnds, "redis://h\x00": saysEnds, "redis://hunter2 ": saysEnds,
	`"redis://h"`: saysQuotes, "'redis://:hunter2@h'": saysQuotes, "redis://h'": saysQuotes, "<redis://h>": saysQuotes,
	"redis://:hunter2 x@h": saysBlank, "redis://my host:1": saysBlank, "redis://h\x01i": saysBlank, "redis+cluster://a,hunter2 :1": saysBlank,
	"redis+sentinel://a,b /m": saysBlank, "unix:///a\nb": saysBlank, "unix:///a%00b": saysBlank, "redis://h/1 2": saysBlank,

	"127.0.0.1:6379": saysNoScheme, "localhost": saysNoScheme, "localhost:6379": saysNoScheme, "ops:hunter2@h": saysNoScheme,
	"hunter2@h:1/2": saysNoScheme, "//h:1": saysNoScheme, "/run/redis.sock": saysNoScheme, "[::1]:6379": saysNoScheme, "://h": saysNoScheme,
	"a:1,b:2": saysNoScheme, "URL=redis://h": saysNoScheme, "redis//h": saysNoScheme, "hunter2?x=redis://h": saysNoScheme, "redis": saysNoScheme,
	"http://hunter2@h": saysScheme, "redis+sentinal://a/m": "the URL has an unknown scheme (did you mean redis+sentinel? redis, ", "reds://h": "the URL has an unknown scheme (did you mean redis? redis, ",
	"redis+nonsense://:hunter2@h": saysScheme, "hunter2://h": saysScheme,
	"unix+cluster:///x": saysScheme, "redis+unix:///x": saysScheme, "valkey://h": saysScheme, "sentinel://a/m": saysScheme,
	"redis:127.0.0.1:7321": saysSlashes + "redis://HOST:PORT)", "redis:hunter2@h": saysSlashes + "redis://HOST:PORT)",
	"redis:6379": saysSlashes + "redis://HOST:PORT)", "redis:/h:1": saysSlashes + "redis://HOST:PORT)", "redis:": saysSlashes,
	"REDISS:h:1": saysSlashes + "rediss://HOST:PORT)", `redis:\\h`: saysSlashes, "unix:run/x.sock": saysSlashes + "unix:///PATH)",
	"redis+sentinel:a/m": saysSlashes + "redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
	"redis+cluster:/a,b": saysSlashes + "redis+cluster://HOST:PORT,HOST:PORT)",

	"redis://": saysNoHost, "redis:///": saysNoHost, "redis:///3": saysNoHost, "redis://:6379": saysNoHost, "redis://:hunter2@": saysNoHost,
	"redis://u:hunter2@:1": saysNoHost, "redis:///h:6379": saysNoHost, "redis://?db=1": saysNoHost, "rediss://": saysNoHost,
	"redis+cluster://": saysNoHost, "redis+sentinel:///m": saysNoHost, "redis+sentinel://:26379/m": saysNoHost,
	"redis+sentinel://a,,b/m": "a host in the list is empty (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
	"redis+cluster://a,":      "a host in the list is empty (redis+cluster://HOST:PORT,HOST:PORT)",
	"redis://my%20host":       saysHost, "redis://${HOST}": saysHost, "redis://HO$T:1": saysHost, `redis://h\hunter2`: saysHost, "redis+cluster://a;b": saysHost,
	"redis://h:65536": saysPort, "redis://h:0": saysPort, "redis://h:": saysPort, "redis://:hunter2@h:port": saysPort, "redis://h:-1": saysPort,
	"redis://h:+1": saysPort, "redis://[::1]:99999": saysPort, "redis://[::1]:": saysPort, "redis+sentinel://a:hunter2,b/m": saysPort,
	"redis://redis://h": saysPort, "redis://h:99999999999999999999": saysPort, "redis://:hunter2?x@h": saysNoHost, "redis://u:hunter2?@h": saysPort,
	"redis://2001:db8::5": saysColons, "redis://::1": saysColons, "redis://2001:db8::5:6379": saysColons, "redis+cluster://a:1:2": saysColons,
	"redis://[127.0.0.1]:1": saysBrackets, "redis://[::1": saysBrackets, "redis://::1]": saysBrackets, "redis://[h]:1": saysBrackets,
	"redis://[::1]6379": saysBrackets, "redis://[]": saysBrackets, "redis://h[::1]": saysBrackets, "redis://[::1%zz]": saysBrackets,
	"redis://[fe80::1%25e[]": saysZone, "redis://[fe80::1%25e%5D]:1": saysZone, "redis://[fe80::1%25hunter2%20x]": saysZone,
	"redis+cluster://a,[fe80::1%25e%0A]:1": saysZone, "redis+sentinel://[fe80::1%25a%2525b]/m": saysZone,
	"redis://h:6379,h2:6379": saysList, "rediss://a,b": saysList,

	"redis://ops:12#hunter2@h": saysFragment, "redis://h#": saysFragment, "redis://h/0#hunter2": saysFragment,
	"redis+sentinel://a/m?sentinel_password=hunter2#": saysFragment,
	"redis://h/hunter2": saysDatabase, "redis://:hunter2@h/1/2": saysDatabase, "redis://h/-1": saysDatabase, "redis://h/+1": saysDatabase,
	"redis://h/99999999999999999999": saysDatabase, "redis://h/1.5": saysDatabase, "redis+sentinel://a/m/hunter2": saysDatabase,
	"redis://u:hunter2@x/y": saysDatabase, "redis://:hunter2/x@h": saysAt, "redis://ops:12/34hunter2@h:1": saysAt,
	"redis+sentinel://ops:12/34hunter2@a:1/m": saysAt, "redis+cluster://ops:12/hunter2@h": saysAt, "redis://u:p@x/hunter2@h": saysAt,
	"redis://:hunter2%zz@h": saysUser, "redis://u:hunter2^@h": saysUser, "redis+cluster://[hunter2@a": saysUser, "unix://u:%@/s": saysUser,
	"redis+cluster://a,u:hunter2@b": saysAmong, "redis+cluster://u:hunter2@a,u:hunter2@b": saysAmong, "redis://a:1,hunter2@b,c": saysList,
	"redis+sentinel://a:1,u:hunter2@b:2/m": saysAmong, "redis://a:1,:hunter2@b": saysAmong, "redis://a,hunter2@b,c": saysAmong,
	"redis://h/3?db=3":         "the path and the option db both have a database (one of them)",
	"redis+sentinel://a/m/1/2": "the path has more than a master and a database (redis+sentinel://HOST:PORT,HOST:PORT/MASTER/NUMBER)",

	"unix://tmp/x.sock": saysSocket, "unix://u:hunter2@tmp/x.sock": saysSocket, "unix://tmp": saysSocket, "unix://u:hunter2/x@/s": saysSocket,
	"unix://": saysNoSocket, "unix:///": saysNoSocket, "unix:///tmp/": saysNoSocket, "unix://?db=hunter2": saysNoSocket, "unix://u:hunter2@": saysNoSocket,
	"unix:///a%zz":             "the path is not percent-encoded (a % is written %25)",
	"redis+sentinel://a/%zz":   "the path is not percent-encoded (a % is written %25)",
	"redis+sentinel://hunter2": saysMaster, "redis+sentinel://:hunter2@h/": saysMaster, "redis+sentinel://a,b?db=1": saysMaster,
	"redis+sentinel://a/b:1/m":      "the name of the master contains a comma, a colon, a slash or an @ (redis+sentinel://HOST:PORT,HOST:PORT/MASTER)",
	"redis+sentinel://a/hunter2%40": "the name of the master contains a comma, a colon, a slash or an @ (",
	"redis+cluster://:hunter2@h/1":  saysCluster, "redis+cluster://h/0": saysCluster,

	"redis://h?nonsense=1": saysUnknown, "redis://:hunter2@h?n=1": saysUnknown, "redis://ops:12?hunter2@h": saysUnknown,
	"redis://h?hunter2=1&read_timeout=1": saysUnknown, "redis+cluster://ops:12?hunter2@h": saysUnknown, "redis://h?=1": saysUnknown,
	"redis://h?DB=1": "an option in the query is unknown (did you mean db? the options", "redis://h?read_timout=1": "an option in the query is unknown (did you mean read_timeout? the ",
	"redis://h?master_name=hunter2":       saysUnknown,
	"redis://h?read_timeout=1;db=hunter2": saysQuery, "redis://h?client_name=hunter2%": saysQuery,
	"redis://h?pool_size=1&pool_size=hunter2": "the query has the option pool_size more than once (once)",
	"redis://h?idle_timeout=1&conn_max_idle_time": "the query has two names of the same option, " +
		"idle_timeout and conn_max_idle_time (one of them)",
	"redis://h?max_conn_age=1&conn_max_lifetime=": "the query has two names of the same option, max_conn_age and conn_max_lifetime (one of them)",
}

func TestParseURL_Rejected(t *testing.T) {
	t.Parallel()
	for rawURL, want := range rejectedURLs {
		requireRejected(t, rawURL, want)
	}
}

func TestParseURL_RejectedOptions(t *testing.T) {
	t.Parallel()
	const sentinels, servers = "redis+sentinel and rediss+sentinel", "redis, rediss, unix, redis+sentinel and rediss+sentinel"
	for url, option := range map[string][2]string{
		"redis://h?sentinel_password=hunter2":          {"sentinel_password", sentinels},
		"redis://h?sentinel_password=":                 {"sentinel_password", sentinels},
		"rediss://h?sentinel_username=hunter2":         {"sentinel_username", sentinels},
		"unix:///s?sentinel_password=hunter2":          {"sentinel_password", sentinels},
		"redis+cluster://a,b?sentinel_username=hunter": {"sentinel_username", sentinels},
		"redis+cluster://h?db=3":                       {"db", servers},
		"redis+cluster://h?db=0":                       {"db", servers},
		"redis://h?skip_verify=true":                   {"skip_verify", "rediss, rediss+sentinel and rediss+cluster"},
		"unix:///s?skip_verify=true":                   {"skip_verify", "rediss, rediss+sentinel and rediss+cluster"},
	} {
		requireRejected(t, url, "the option "+option[0]+" in the query does not suit the scheme ("+option[1]+")")
	}
	for query, accepted := range map[string]string{
		"db=hunter2": "a database number", "db=-1": "a database number", "protocol=1": "2 or 3", "protocol=hunter2": "2 or 3",
		"read_timeout=hunter2": "a duration such as 5s, or a number of seconds", "conn_max_lifetime=9999999999999": "a duration",
		"conn_max_lifetime=2000000h": "a duration", "dial_timeout=0": "a duration above zero", "dial_timeout=-1s": "a duration above zero",
		"dial_timeout=0ms": "a duration above zero", "pool_size=-1": "a non-negative integer", "pool_size=hunter2": "a non-negative integer",
		"pool_size=4294967296": "a non-negative integer", "pipeline_pool_size=-2": "a non-negative integer, or -1 for none",
		"max_retries=hunter2": "a non-negative integer, or -1 for none", "pool_fifo=hunter2": "true or false",
		"client_name=hunter2%20x": "printable ASCII without blanks",
	} {
		name, _, _ := strings.Cut(query, "=")
		requireRejected(t, "redis://h?"+query, "the option "+name+" in the query has no valid value ("+accepted)
	}
	requireRejected(t, "rediss://h?skip_verify=hunter2", "the option skip_verify in the query has no valid value (true or false)")
	requireRejected(t, "redis+sentinel://a/m?sentinel_password=hunter2+x",
		"the option sentinel_password in the query contains a + (%2B for a plus, %20 for a blank)")
}

// requireRejected requires an error with these words, and without a part of a password.
func requireRejected(t *testing.T, rawURL, want string) {
	t.Helper()
	opts, err := fleetdial.ParseURL(rawURL)
	require.Nil(t, opts, rawURL)
	require.ErrorContains(t, err, "fleetdial: parse the Redis URL: "+want, "%q", rawURL)
	require.NotContains(t, err.Error(), "hunter2", rawURL)
}
