package vectors

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// token is a line of tokens.jsonl.
type token struct {
	vector
	Key       hexBytes   `json:"key_hex"`
	Token     string     `json:"token"`
	Now       int64      `json:"now"`
	MaxTTL    int64      `json:"max_ttl_ms"`
	Accept    bool       `json:"accept"`
	Directive *directive `json:"directive,omitempty"`
	Reason    string     `json:"reason,omitempty"`
}

const (
	tokenNow int64 = (tokenExp - 600) * 1000
	tokenExp int64 = 1_900_000_000
)

var tokenKey = []byte("0123456789abcdef0123456789abcdef")

// seal returns a token with the payload.
func seal(payload string) string {
	mac := hmac.New(sha256.New, tokenKey)
	mac.Write([]byte(payload))
	return hex.EncodeToString([]byte(payload)) + "." + hex.EncodeToString(mac.Sum(nil))
}

// tokenDirective is the directive of the shortest payload.
func tokenDirective() directive {
	return directive{ID: "x-debug-header", Level: "Shape", SamplePerMille: 1000, ExpiresAt: tokenExp * 1000}
}

const shortPayload = `{"level":"Shape","exp":1900000000}`

// tokens returns the lines of tokens.jsonl.
func tokens() []token {
	return slices.Concat(goodTokens(), tokenTimes(), forgedTokens(), wrongPayloads())
}

func tokenLine(name, rules, text string) token {
	return token{vector: named(name, rules), Key: tokenKey, Token: text, Now: tokenNow, MaxTTL: 3_600_000}
}

func goodToken(name, rules, text string, d directive) token {
	return changed(tokenLine(name, rules, text), func(t *token) { t.Accept, t.Directive = true, &d })
}

func badToken(name, rules, reason, text string) token {
	return changed(tokenLine(name, rules, text), func(t *token) { t.Reason = reason })
}

func goodTokens() (all []token) {
	good := func(name, payload string, change func(*directive)) {
		all = append(all, goodToken(name, "K1 K2", seal(payload), changed(tokenDirective(), change)))
	}
	with := func(more string) string { return `{"level":"Shape","exp":1900000000,` + more + `}` }
	good("the shortest payload", shortPayload, func(*directive) {})
	good("all keys", `{"exp":1900000000,"level":"ShapeRewriteDiff","sample_per_mille":0,"ring_buffer":true,"capture":true,`+
		`"tenant":"acme","index":"orders","principal":"svc","endpoint":"GetById"}`, func(d *directive) {
		*d = directive{
			ID: d.ID, Level: "ShapeRewriteDiff", ExpiresAt: d.ExpiresAt, RingBuffer: true, Capture: true, Tenant: "acme", Index: "orders",
			Principal: "svc", Endpoint: "GetById",
		}
	})
	good("white space", " {\n\"level\" : \"Shape\" , \"exp\":1900000000 }\n", func(*directive) {})
	good("escapes", with(`"\u0074enant":"\u00fc\ud83d\ude00<\u2028>"`), func(d *directive) { d.Tenant = "ü\U0001f600<\u2028>" })
	good("level Off", strings.Replace(shortPayload, "Shape", "Off", 1), func(d *directive) { d.Level = "Off" })
	good("defaults that are written", with(`"sample_per_mille":1000,"ring_buffer":false,"capture":false`), func(*directive) {})
	good("the longest name", with(`"tenant":"`+letters(256)+`"`), func(d *directive) { d.Tenant = letters(256) })
	for _, endpoint := range endpoints {
		good("endpoint "+endpoint, with(`"endpoint":"`+endpoint+`"`), func(d *directive) { d.Endpoint = endpoint })
	}
	for _, n := range []int{0, 1, 250, 999} {
		good(fmt.Sprintf("sample_per_mille %d", n), with(fmt.Sprintf(`"sample_per_mille":%d`, n)), func(d *directive) { d.SamplePerMille = n })
	}
	all = append(all, goodToken("hex digits in upper case", "K1", strings.ToUpper(seal(shortPayload)), tokenDirective()))
	short := goodToken("a key of 16 bytes", "K1", sealAs(tokenKey[:16], shortPayload), tokenDirective())
	short.Key = tokenKey[:16]
	long := goodToken("a key of 100 bytes", "K1", sealAs(bytes.Repeat([]byte{7}, 100), shortPayload), tokenDirective())
	long.Key = bytes.Repeat([]byte{7}, 100)
	padding := strings.Repeat(" ", (4096-1-64-1)/2-len(shortPayload))
	return append(all, short, long, goodToken("the longest token", "K1", seal(shortPayload+padding), tokenDirective()))
}

// sealAs is seal with another key.
func sealAs(key []byte, payload string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(payload))
	return hex.EncodeToString([]byte(payload)) + "." + hex.EncodeToString(mac.Sum(nil))
}

// tokenTimes returns tokens about as old as a token may be.
func tokenTimes() (all []token) {
	for _, c := range []struct {
		name     string
		now, ttl int64
		accept   bool
	}{
		{"a millisecond before its end", tokenExp*1000 - 1, 3_600_000, true},
		{"at its end", tokenExp * 1000, 3_600_000, false},
		{"a millisecond after its end", tokenExp*1000 + 1, 3_600_000, false},
		{"a day after its end", tokenExp*1000 + 86_400_000, 3_600_000, false},
		{"exactly the limit before its end", tokenExp*1000 - 3_600_000, 3_600_000, true},
		{"a millisecond more than the limit before its end", tokenExp*1000 - 3_600_001, 3_600_000, false},
		{"a limit of a day", tokenExp*1000 - 86_400_000, 86_400_000, true},
		{"a limit of a minute", tokenExp*1000 - 60_001, 60_000, false},
	} {
		t := badToken(c.name, "K4", invalid, seal(shortPayload))
		if c.accept {
			t = goodToken(c.name, "K4", seal(shortPayload), tokenDirective())
		}
		t.Now, t.MaxTTL = c.now, c.ttl
		all = append(all, t)
	}
	return all
}

func forgedTokens() (all []token) {
	good := seal(shortPayload)
	dot := strings.Index(good, ".")
	bad := func(name, rules, reason, text string) { all = append(all, badToken(name, rules, reason, text)) }
	bad("nothing", "K1", malformed, "")
	bad("a dot", "K3", "forged", ".")
	bad("no dot", "K1", malformed, good[:dot]+good[dot+1:])
	bad("a second dot", "K1", malformed, good+".00")
	bad("a letter that is no hex digit", "K1", malformed, "x"+good[1:])
	bad("an odd number of digits", "K1", malformed, "0"+good)
	bad("a space before the token", "K1", malformed, " "+good)
	bad("a line feed after the token", "K1", malformed, good+"\n")
	bad("the payload without hex", "K1", malformed, shortPayload+good[dot:])
	bad("longer than a token may be", "K1", malformed, seal(shortPayload+strings.Repeat(" ", (4096-1-64)/2-len(shortPayload)+1)))
	bad("no mac", "K3", "forged", good[:dot+1])
	bad("no payload", "K3", "forged", good[dot:])
	bad("a truncated mac", "K3", "forged", good[:len(good)-2])
	bad("a longer mac", "K3", "forged", good+"00")
	bad("the mac of another payload", "K3", "forged", hex.EncodeToString([]byte(strings.Replace(shortPayload, "Shape", "Off", 1)))+good[dot:])
	bad("the mac of another key", "K3", "forged", sealAs(bytes.Repeat([]byte{1}, 32), shortPayload))
	bad("one bit of the mac", "K3", "forged", good[:len(good)-1]+string("0123456789abcdef"[strings.IndexByte("0123456789abcdef", good[len(good)-1])^1]))
	bad("a forged payload that is no JSON", "K3", "forged", "ff"+good[dot:])
	for _, n := range []int{0, 1, 15} {
		t := badToken(fmt.Sprintf("a key of %d bytes", n), "K1", "key", sealAs(tokenKey[:n], shortPayload))
		t.Key = tokenKey[:n]
		all = append(all, t)
	}
	return all
}

func wrongPayloads() (all []token) {
	bad := func(name, rules, payload string) { all = append(all, badToken(name, rules, invalid, seal(payload))) }
	with := func(more string) string { return `{"level":"Shape","exp":1900000000,` + more + `}` }
	bad("an empty payload", "K2", "")
	bad("a payload that is no JSON", "K2", "level")
	bad("a truncated payload", "K2", `{"level":"Shape","exp":1900000000`)
	bad("a list", "K2", "[]")
	bad("two objects", "K2", shortPayload+shortPayload)
	bad("a payload that is not UTF-8", "K2", with("\"tenant\":\"\xff\""))
	bad("a lone surrogate", "K2", with(`"tenant":"\ud800"`))
	bad("no level", "K2", `{"exp":1900000000}`)
	bad("no exp", "K2", `{"level":"Shape"}`)
	bad("a level of another case", "K2", strings.Replace(shortPayload, "Shape", "shape", 1))
	for _, exp := range []string{`"1900000000"`, "1.9e9", "1900000000.0", "-1900000000", "0", "null", "true", "100000000000", "18446744073709551617"} {
		bad("exp "+exp, "K2", strings.Replace(shortPayload, "1900000000", exp, 1))
	}
	for _, more := range []string{
		`"tenant":5`, `"tenant":""`, `"tenant":null`, `"index":[]`, `"principal":{}`, `"endpoint":"search"`, `"endpoint":"Any"`,
		`"sample_per_mille":1001`, `"sample_per_mille":-1`, `"sample_per_mille":1.0`, `"sample_per_mille":"10"`, `"ring_buffer":"yes"`,
		`"ring_buffer":1`, `"capture":null`, `"tenant":"` + letters(257) + `"`,
	} {
		bad(fmt.Sprintf("%.40s", more), "K2", with(more))
	}
	for _, more := range []string{
		`"tennant":"a"`, `"Tenant":"a"`, `"":1`, `"id":"a"`, `"ttl_secs":5`, `"expires_at":"2030-03-17T17:46:40Z"`,
	} {
		bad("the unknown key "+more, "K3", with(more))
	}
	for _, more := range []string{`"instances":{"per_mille":500}`, `"max_per_second":10`} {
		bad("the key "+more, "K2", with(more))
	}
	bad("exp is repeated", "K3", with(`"exp":1900000001`))
	bad("level is repeated", "K3", with(`"level":"Shape"`))
	bad("tenant is repeated by an escape", "K3", with(`"tenant":"a","\u0074enant":"a"`))
	return all
}
