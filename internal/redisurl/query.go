package redisurl

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is an option in the query of a URL.
type option struct {
	// isValid reports whether the option takes the value, which is not empty: the empty value
	// means the default.
	isValid  func(value string) bool
	accepted string
	// schemes are the schemes that the option is for, in words, and isFor tells them. Without
	// isFor, it is for all.
	schemes string
	isFor   func(scheme string) bool
}

const maxSize = 1 << 30

var (
	duration = option{isValid: isDuration, accepted: "a duration such as 5s, or a number of seconds"}
	positive = option{
		isValid: func(v string) bool {
			return isDuration(v) && !strings.HasPrefix(v, "-") && strings.ContainsAny(v, "123456789")
		},
		accepted: "a duration above zero such as 5s, or a number of seconds",
	}
	boolean = option{isValid: func(v string) bool { return slices.Contains([]string{"true", "false", "1", "0"}, v) }, accepted: "true or false"}
	size    = option{isValid: isSize, accepted: "a non-negative integer"}
	orNone  = option{isValid: func(v string) bool { return v == "-1" || isSize(v) }, accepted: "a non-negative integer, or -1 for none"}
	name    = option{isValid: isName, accepted: "printable ASCII without blanks"}
	secret  = option{
		isValid: func(string) bool { return true }, schemes: "redis+sentinel and rediss+sentinel",
		isFor: func(scheme string) bool { return strings.HasSuffix(scheme, "+sentinel") },
	}
)

// options are the known options. All but those of Sentinel are options of go-redis.
var options = map[string]option{
	"db": {
		isValid: isDatabase, accepted: "a database number", schemes: "redis, rediss, unix, redis+sentinel and rediss+sentinel",
		isFor: func(scheme string) bool { return !strings.HasSuffix(scheme, "+cluster") },
	},
	"skip_verify": {
		isValid: boolean.isValid, accepted: boolean.accepted, schemes: "rediss, rediss+sentinel and rediss+cluster",
		isFor: func(scheme string) bool { return strings.HasPrefix(scheme, "rediss") },
	},
	"sentinel_username": secret, "sentinel_password": secret,
	"protocol":    {isValid: func(v string) bool { return v == "2" || v == "3" }, accepted: "2 or 3"},
	"client_name": name,
	"max_retries": orNone, "min_retry_backoff": duration, "max_retry_backoff": duration,
	"dial_timeout": positive, "read_timeout": duration, "write_timeout": duration, "pool_timeout": duration,
	"pool_fifo": boolean, "pool_size": size, "min_idle_conns": size, "max_idle_conns": size, "max_active_conns": size,
	"max_concurrent_dials": size, "pipeline_pool_size": orNone, "pipeline_read_buffer_size": size,
	"pipeline_write_buffer_size": size,
	"conn_max_idle_time":         duration, "idle_timeout": duration,
	"conn_max_lifetime": duration, "max_conn_age": duration, "conn_max_lifetime_jitter": duration,
}

// synonyms are two names of the same option.
var synonyms = map[string]string{"idle_timeout": "conn_max_idle_time", "max_conn_age": "conn_max_lifetime"}

var errQuery = problem("the query cannot be read",
	"?OPTION=VALUE&OPTION=VALUE, with each % of a value as %25, and each ; as %3B")

// parseQuery returns the options of a query. Only the names of known options are in an error.
func parseQuery(raw, scheme string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errQuery
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		o, known := options[name]
		value := values.Get(name)
		switch {
		case !known:
			return nil, problem("an option in the query is unknown", likely(name, options)+"the options of go-redis, "+
				"sentinel_username and sentinel_password; a ? in a user name or a password is written %3F")
		case o.isFor != nil && !o.isFor(scheme):
			return nil, fmt.Errorf("the option %s in the query does not suit the scheme (%s)", name, o.schemes)
		case len(values[name]) > 1:
			return nil, fmt.Errorf("the query has the option %s more than once (once)", name)
		case values.Has(synonyms[name]):
			return nil, fmt.Errorf("the query has two names of the same option, %s and %s (one of them)", name, synonyms[name])
		case value != "" && !o.isValid(value):
			return nil, fmt.Errorf("the option %s in the query has no valid value (%s)", name, o.accepted)
		}
	}
	return values, checkPlus(raw)
}

// checkPlus rejects a + in a value. In a query it means a blank, but whoever writes it in a
// password means a plus.
func checkPlus(raw string) error {
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(name); err == nil && strings.Contains(value, "+") {
			return fmt.Errorf("the option %s in the query contains a + (%%2B for a plus, %%20 for a blank)", name)
		}
	}
	return nil
}

// maxDuration keeps the sums of durations in range.
const maxDuration = 1_000_000 * time.Hour

func isDuration(value string) bool {
	if n, err := strconv.Atoi(value); err == nil {
		return n <= int(maxDuration/time.Second)
	}
	d, err := time.ParseDuration(value)
	return err == nil && d <= maxDuration
}

func isSize(value string) bool {
	_, err := number(value, maxSize)
	return err == nil
}

// isName reports whether Redis accepts the name of a client.
func isName(value string) bool {
	return !strings.ContainsFunc(value, func(r rune) bool { return r < '!' || r > '~' })
}
