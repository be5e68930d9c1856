package host

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// Uptime returns the name of the machine's boot, and how long ago that was, by a clock
// that nobody sets. It returns nothing if the system does not tell. Linux does, see proc(5)
// and random(4).
func Uptime() (boot string, uptime time.Duration) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", 0
	}
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return "", 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil || seconds < 0 {
		return "", 0
	}
	return strings.TrimSpace(string(id)), time.Duration(seconds * float64(time.Second))
}
