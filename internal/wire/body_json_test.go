package wire

import (
	"strings"
	"testing"

	"github.com/fleetdial/fleetdial/internal/directive"
)

func TestParseBody_RejectedJSON(t *testing.T) {
	t.Parallel()
	requireRejected(t, BodyOptions{}, rejectedJSONNames)
	requireRejected(t, BodyOptions{}, rejectedJSONRecording)
	requireRejected(t, BodyOptions{}, rejectedJSONExpiries)
	requireRejected(t, BodyOptions{}, rejectedJSONStructure)
}

// rejectedJSONNames are bodies with an invalid id, name, level or endpoint.
var rejectedJSONNames = map[string]rejection{
	"tenant number":   {bodyOf(`,"tenant":5`), "directives[0].tenant", "must be a string, not a number"},
	"tenant boolean":  {bodyOf(`,"tenant":true`), "directives[0].tenant", "must be a string, not a boolean"},
	"tenant array":    {bodyOf(`,"tenant":["acme"]`), "directives[0].tenant", "must be a string, not an array"},
	"tenant object":   {bodyOf(`,"tenant":{}`), "directives[0].tenant", "must be a string, not an object"},
	"tenant null":     {bodyOf(`,"tenant":null`), "directives[0].tenant", "must be a string, not null"},
	"index null":      {bodyOf(`,"index":null`), "directives[0].index", "must be a string, not null"},
	"principal null":  {bodyOf(`,"principal":null`), "directives[0].principal", "must be a string, not null"},
	"endpoint null":   {bodyOf(`,"endpoint":null`), "directives[0].endpoint", "must be a string, not null"},
	"tenant empty":    {bodyOf(`,"tenant":""`), "directives[0].tenant", "must not be empty"},
	"tenant repeated": {bodyOf(`,"tenant":"a","tenant":"b"`), "directives[0].tenant", "is repeated"},
	"tenant repeated by an escape": {
		bodyOf(`,"tenant":"a","\u0074enant":"b"`), "directives[0].tenant", "is repeated",
	},
	"id repeated":        {bodyOf(`,"id":"b"`), "directives[0].id", "is repeated"},
	"level case":         {strings.Replace(bodyOf(""), "Shape", "shape", 1), "directives[0].level", levels},
	"level number":       {strings.Replace(bodyOf(""), `"Shape"`, "1", 1), "directives[0].level", "must be a string, not a number"},
	"endpoint case":      {bodyOf(`,"endpoint":"search"`), "directives[0].endpoint", endpoints},
	"endpoint Any":       {bodyOf(`,"endpoint":"Any"`), "directives[0].endpoint", endpoints},
	"no id":              {`{"directives":[{"level":"Off","ttl_secs":1}]}`, "directives[0].id", "is missing"},
	"no level":           {`{"directives":[{"id":"a","ttl_secs":1}]}`, "directives[0].level", "is missing"},
	"same ids":           {`{"directives":[{"id":"a","level":"Off","ttl_secs":1},{"id":"a","level":"Off","ttl_secs":1}]}`, "directives[1].id", "is the same as that of directives[0]"},
	"lone surrogate":     {bodyOf(`,"tenant":"\ud800"`), "directives[0].tenant", "not valid JSON: invalid surrogate pair, at line 1, column 66"},
	"deep in a field":    {bodyOf(`,"tenant":` + strings.Repeat(`{"a":`, 100_000)), "directives[0].tenant" + strings.Repeat(".a", 13), "is nested too deeply"},
	"id long":            {`{"directives":[{"id":"` + strings.Repeat("x", 129) + `","level":"Off","ttl_secs":1}]}`, "directives[0].id", "is 129 bytes, the limit is 128"},
	"tenant long":        {bodyOf(`,"tenant":"` + strings.Repeat("x", 257) + `"`), "directives[0].tenant", "is 257 bytes, the limit is 256"},
	"index object":       {bodyOf(`,"index":{"a":1}`), "directives[0].index", "must be a string, not an object"},
	"principal number":   {bodyOf(`,"principal":0`), "directives[0].principal", "must be a string, not a number"},
	"endpoint number":    {bodyOf(`,"endpoint":3`), "directives[0].endpoint", "must be a string, not a number"},
	"endpoint empty":     {bodyOf(`,"endpoint":""`), "directives[0].endpoint", endpoints},
	"index empty":        {bodyOf(`,"index":""`), "directives[0].index", "must not be empty"},
	"principal empty":    {bodyOf(`,"principal":""`), "directives[0].principal", "must not be empty"},
	"id empty":           {`{"directives":[{"id":"","level":"Off","ttl_secs":1}]}`, "directives[0].id", "must not be empty"},
	"id number":          {`{"directives":[{"id":7,"level":"Off","ttl_secs":1}]}`, "directives[0].id", "must be a string, not a number"},
	"id null":            {`{"directives":[{"id":null,"level":"Off","ttl_secs":1}]}`, "directives[0].id", "must be a string, not null"},
	"level null":         {`{"directives":[{"id":"a","level":null,"ttl_secs":1}]}`, "directives[0].level", "must be a string, not null"},
	"level empty":        {`{"directives":[{"id":"a","level":"","ttl_secs":1}]}`, "directives[0].level", levels},
	"first of two":       {bodyOf(`,"tenant":5,"index":5`), "directives[0].tenant", "must be a string, not a number"},
	"in the second":      {`{"directives":[{"id":"a","level":"Off","ttl_secs":1},{"id":"b","level":"Off","ttl_secs":1,"tenant":5}]}`, "directives[1].tenant", "must be a string, not a number"},
	"repeated, then bad": {bodyOf(`,"tenant":"a","tenant":5`), "directives[0].tenant", "is repeated"},
	"lone low surrogate": {bodyOf(`,"tenant":"\udc00"`), "directives[0].tenant", "not valid JSON: invalid surrogate pair, at line 1, column 66"},
}

// rejectedJSONRecording are bodies with an invalid sample, ring buffer or capture.
var rejectedJSONRecording = map[string]rejection{
	"sample negative":   {bodyOf(`,"sample_per_mille":-1`), "directives[0].sample_per_mille", notInteger},
	"sample minus 0":    {bodyOf(`,"sample_per_mille":-0`), "directives[0].sample_per_mille", notInteger},
	"sample fraction":   {bodyOf(`,"sample_per_mille":1.0`), "directives[0].sample_per_mille", notInteger},
	"sample exponent":   {bodyOf(`,"sample_per_mille":1e2`), "directives[0].sample_per_mille", notInteger},
	"sample above":      {bodyOf(`,"sample_per_mille":1001`), "directives[0].sample_per_mille", "must be 0 to 1000"},
	"sample overflow":   {bodyOf(`,"sample_per_mille":18446744073709551617`), "directives[0].sample_per_mille", "must be 0 to 1000"},
	"sample string":     {bodyOf(`,"sample_per_mille":"10"`), "directives[0].sample_per_mille", "must be a number, not a string"},
	"ring_buffer 1":     {bodyOf(`,"ring_buffer":1`), "directives[0].ring_buffer", "must be a boolean, not a number"},
	"ring_buffer text":  {bodyOf(`,"ring_buffer":"true"`), "directives[0].ring_buffer", "must be a boolean, not a string"},
	"capture null":      {bodyOf(`,"capture":null`), "directives[0].capture", "must be a boolean, not null"},
	"sample null":       {bodyOf(`,"sample_per_mille":null`), "directives[0].sample_per_mille", "must be a number, not null"},
	"sample repeated":   {bodyOf(`,"sample_per_mille":1,"sample_per_mille":1000`), "directives[0].sample_per_mille", "is repeated"},
	"ring_buffer null":  {bodyOf(`,"ring_buffer":null`), "directives[0].ring_buffer", "must be a boolean, not null"},
	"ring_buffer array": {bodyOf(`,"ring_buffer":[true]`), "directives[0].ring_buffer", "must be a boolean, not an array"},
	"capture 0":         {bodyOf(`,"capture":0`), "directives[0].capture", "must be a boolean, not a number"},
	"NaN":               {bodyOf(`,"sample_per_mille":NaN`), "directives[0].sample_per_mille", "not valid JSON: invalid character 'N' at start of value, at line 1, column 75"},
}

// rejectedJSONExpiries are bodies with an invalid TTL or expiry.
var rejectedJSONExpiries = map[string]rejection{
	"ttl zero":         {strings.Replace(bodyOf(""), "60", "0", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
	"ttl too long":     {strings.Replace(bodyOf(""), "60", "86401", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
	"ttl negative":     {strings.Replace(bodyOf(""), "60", "-60", 1), "directives[0].ttl_secs", notInteger},
	"ttl null":         {strings.Replace(bodyOf(""), "60", "null", 1), "directives[0].ttl_secs", "must be a number, not null"},
	"ttl and expiry":   {bodyOf(`,"expires_at":"2026-03-01T13:00:00Z"`), "directives[0].expires_at", "ttl_secs and expires_at are both set (set only one)"},
	"no expiry":        {`{"directives":[{"id":"a","level":"Off"}]}`, "directives[0].ttl_secs", "is missing (set ttl_secs or expires_at)"},
	"expiry number":    {`{"directives":[{"id":"a","level":"Off","expires_at":1772370000}]}`, "directives[0].expires_at", "must be a string, not a number"},
	"ttl fraction":     {strings.Replace(bodyOf(""), "60", "60.0", 1), "directives[0].ttl_secs", notInteger},
	"ttl exponent":     {strings.Replace(bodyOf(""), "60", "6E1", 1), "directives[0].ttl_secs", notInteger},
	"ttl minus 0":      {strings.Replace(bodyOf(""), "60", "-0", 1), "directives[0].ttl_secs", notInteger},
	"ttl text":         {strings.Replace(bodyOf(""), "60", `"60"`, 1), "directives[0].ttl_secs", "must be a number, not a string"},
	"ttl beyond int64": {strings.Replace(bodyOf(""), "60", "9223372036854775808", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
	"ttl times 1e9":    {strings.Replace(bodyOf(""), "60", "9223372037", 1), "directives[0].ttl_secs", "must be 1 to 86400"},
	"ttl repeated":     {bodyOf(`,"ttl_secs":1`), "directives[0].ttl_secs", "is repeated"},
	"expiry null":      {`{"directives":[{"id":"a","level":"Off","expires_at":null}]}`, "directives[0].expires_at", "must be a string, not null"},
	"expiry fraction":  {`{"directives":[{"id":"a","level":"Off","expires_at":1.5}]}`, "directives[0].expires_at", "must be a string, not a number"},
	"expiry and ttl":   {`{"directives":[{"id":"a","expires_at":"2026-03-01T13:00:00Z","level":"Off","ttl_secs":1}]}`, "directives[0].ttl_secs", "ttl_secs and expires_at are both set (set only one)"},
}

// rejectedJSONStructure are bodies with a wrong syntax or structure.
var rejectedJSONStructure = map[string]rejection{
	"Tenant":              {bodyOf(`,"Tenant":"a"`), "directives[0]", `unknown field "Tenant": did you mean "tenant"?`},
	"tennant":             {bodyOf(`,"tennant":"a"`), "directives[0]", `unknown field "tennant": did you mean "tenant"?`},
	"something":           {bodyOf(`,"something":"a"`), "directives[0]", `unknown field "something"`},
	"long unknown":        {bodyOf(`,"` + strings.Repeat("é", 40) + `":1`), "directives[0]", `unknown field "` + strings.Repeat("é", 20) + `…"`},
	"no directives":       {`{}`, "directives", "is missing"},
	"Directives":          {`{"Directives":[]}`, "", `unknown field "Directives": did you mean "directives"?`},
	"directives repeated": {`{"directives":[],"directives":[]}`, "directives", "is repeated"},
	"second field":        {`{"directives":[],"version":1}`, "", `unknown field "version"`},
	"directives null":     {`{"directives":null}`, "directives", "must be an array, not null"},
	"directive string":    {`{"directives":["a"]}`, "directives[0]", "must be an object, not a string"},
	"array":               {`[]`, "", "must be an object, not an array"},
	"null":                {`null`, "", "must be an object, not null"},
	"empty":               {"", "", "the body is empty"},
	"white space":         {" \n", "", "the body is empty"},
	"second value":        {`{"directives":[]} {}`, "", "data after the end of the JSON, at line 1, column 18"},
	"garbage after":       {`{"directives":[]}x`, "", "data after the end of the JSON, at line 1, column 18"},
	"truncated":           {`{"directives":[`, "directives[0]", "not valid JSON: unexpected EOF, at line 1, column 16"},
	"comma":               {"{\n\"directives\":[],}", "", "not valid JSON: invalid character ',' at start of value, at line 2, column 16"},
	"byte order mark":     {"\uFEFF{}", "", "the body begins with a byte order mark (save the file without it)"},
	"not UTF-8":           {bodyOf(",\"tenant\":\"\xff\""), "", "the body is not valid UTF-8, at line 1, column 66"},
	"deep":                {strings.Repeat("[", 1_000_000), strings.Repeat("[0]", 16), "is nested too deeply"},
	"too large":           {bodyOf(strings.Repeat(" ", MaxBodyBytes+1-len(bodyOf("")))), "", "the body is 4194305 bytes, the limit is 4194304"},
	"too many":            {`{"directives":[` + strings.Repeat(`{},`, directive.MaxDirectives) + `{}]}`, "directives", "holds 10001, the limit is 10000"},
	"too many values":     {`{"directives":[` + strings.Repeat(`1,`, maxNodes) + `1]}`, "directives[199998]", "the body holds more than 200000 values"},
	"too many fields":     {manyFields(maxEntries + 1), "", "has more than 64 fields"},
	"64 fields":           {manyFields(maxEntries), "", `unknown field "f0"`},
	"200,000 values":      {`{"directives":[` + strings.Repeat(`1,`, maxNodes-3) + `1]}`, "directives", "holds 199998, the limit is 10000"},
	"max depth":           {strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth), "", "must be an object, not an array"},
	"one level too deep":  {strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1), strings.Repeat("[0]", maxDepth), "is nested too deeply"},
	"tenant nested":       {bodyOf(`,"match":{"tenant":"a"}`), "directives[0]", `unknown field "match"`},
	"ttl leading zero":    {strings.Replace(bodyOf(""), "60", "00", 1), "directives[0]", "not valid JSON: invalid character '0' after object value (expecting ',' or '}'), at line 1, column 54"},
	"letters swapped":     {bodyOf(`,"teannt":"a"`), "directives[0]", `unknown field "teannt": did you mean "tenant"?`},
	"ID":                  {`{"directives":[{"ID":"a"}]}`, "directives[0]", `unknown field "ID": did you mean "id"?`},
	"RING_BUFFER":         {bodyOf(`,"RING_BUFFER":true`), "directives[0]", `unknown field "RING_BUFFER": did you mean "ring_buffer"?`},
	"ringBuffer":          {bodyOf(`,"ringBuffer":true`), "directives[0]", `unknown field "ringBuffer": did you mean "ring_buffer"?`},
	"three letters off":   {bodyOf(`,"tenantxyz":"a"`), "directives[0]", `unknown field "tenantxyz"`},
	"empty name":          {bodyOf(`,"":"a"`), "directives[0]", `unknown field ""`},
	"unprintable name":    {bodyOf(`,"\n\u001b[31m":{"a":1,"a":2}`), `directives[0]."\n\x1b[31m".a`, "is repeated"},
	"name with a dot":     {`{"a.b[0]":{"c":1,"c":2}}`, `"a.b[0]".c`, "is repeated"},
	"directives object":   {`{"directives":{}}`, "directives", "must be an array, not an object"},
	"directive null":      {`{"directives":[null]}`, "directives[0]", "must be an object, not null"},
	"directive array":     {`{"directives":[[]]}`, "directives[0]", "must be an object, not an array"},
	"two bodies":          {`{"directives":[]}{"directives":[]}`, "", "data after the end of the JSON, at line 1, column 18"},
	"lone in a name":      {`{"\ud800":1}`, "", "not valid JSON: invalid surrogate pair, at line 1, column 3"},
	"comment":             {"// what for\n{}", "", "not valid JSON: invalid character '/' at start of value, at line 1, column 1"},
	"single quotes":       {`{'directives':[]}`, "", `not valid JSON: invalid character '\'' at start of value, at line 1, column 2`},
	"UTF-16":              {"\xff\xfe{\x00}\x00", "", "the body is not valid UTF-8, at line 1, column 1"},
	"not UTF-8, line 2":   {"{\n\"\xff\":1}", "", "the body is not valid UTF-8, at line 2, column 2"},
	"deep objects":        {strings.Repeat(`{"a":`, 800_000), "a" + strings.Repeat(".a", 15), "is nested too deeply"},
}
