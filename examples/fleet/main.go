// Command fleet runs a redis-server, an upstream, three proxies and the console in one
// terminal, until Ctrl-C, and sends the proxies requests of two tenants. It needs Go and
// redis-server, but not Docker. Run the command in the root directory of the project.
//
//	go run ./examples/fleet
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const proxies = 3

// zones are the values of the label zone of the proxies.
var zones = [proxies]string{"eu", "eu", "us"}

func main() {
	free := flag.Bool("free-ports", false, "free ports instead of 6390, 9200, 8080 to 8101 and 8400 (default false)")
	rate := flag.Int("requests", 6, "requests per second that the fleet sends to its proxies, 0 for none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *free, *rate); err != nil {
		log.Fatal(err)
	}
}

// run starts the processes. It stops all of them when ctx ends or one process ends, except
// Redis, which it starts again, and the proxies once all of them have started.
func run(ctx context.Context, out io.Writer, free bool, rate int) (err error) {
	dir, err := os.MkdirTemp("", "fleetdial")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, pkg := range []string{"cmd/proxy", "cmd/publish", "examples/upstream"} {
		build := exec.CommandContext(ctx, "go", "build", "-o", dir+"/", "./"+pkg)
		build.Stdout, build.Stderr = out, out
		if err := build.Run(); err != nil {
			return fmt.Errorf("build %s: %w", pkg, err)
		}
	}
	ports := portsOf(free)
	f := &fleet{out: out, ended: make(chan error, proxies+3)}
	defer f.stop()
	redis, upstream, console := ports(6390), ports(9200), ports(8400)
	steps := [][]string{
		{"redis", "redis-server", "--port", port(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--loglevel", "warning", "--dir", dir},
		{"upstream", filepath.Join(dir, "upstream"), "-listen", upstream},
	}
	var addresses []string
	var targets []string // the addresses of the proxies
	awaited := []string{redis, upstream}
	for i := range proxies {
		traffic, admin := ports(8080+10*i), ports(8081+10*i)
		name := fmt.Sprintf("proxy-%d", i+1)
		steps = append(steps, []string{
			name, filepath.Join(dir, "proxy"), "--instance", name, "--label", "zone=" + zones[i], "--upstream", "http://" + upstream,
			"--redis-url", "redis://" + redis, "--listen", traffic, "--admin-listen", admin,
		})
		awaited = append(awaited, traffic, admin)
		targets = append(targets, traffic)
		addresses = append(addresses, fmt.Sprintf("%s at http://%s, admin at http://%s, zone=%s", name, traffic, admin, zones[i]))
	}
	for i, step := range steps {
		if err := f.start(step[0], i == 0, step[1:]...); err != nil {
			return err
		}
	}
	for _, addr := range awaited {
		if err := f.reachable(ctx, addr); err != nil {
			return err
		}
	}
	f.introduce(addresses, redis, targets[0], rate)
	err = f.start("console", false, filepath.Join(dir, "publish"),
		"ui", "--allow-publish", "--listen", console, "--redis-url", "redis://"+redis)
	if err != nil {
		return err
	}
	var requests sync.WaitGroup
	defer requests.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	requests.Go(func() { send(ctx, targets, rate) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-f.ended:
		return err
	}
}

// portsOf returns a function that returns an address with the fixed port, or with any
// free port if free is set. It returns no free port twice.
func portsOf(free bool) func(fixed int) string {
	given := make(map[string]bool)
	return func(fixed int) string {
		for free {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				break
			}
			addr := l.Addr().String()
			_ = l.Close() // another call may get the port again
			if !given[addr] {
				given[addr] = true
				return addr
			}
		}
		return fmt.Sprintf("127.0.0.1:%d", fixed)
	}
}

func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// fleet is the running processes. Their output goes to one writer, line by line.
type fleet struct {
	mu  sync.Mutex // guards out
	out io.Writer

	state    sync.Mutex // guards all, up and stopping
	all      []*process
	up       bool // the proxies have started
	stopping bool

	lines sync.WaitGroup
	ended chan error
}

// print writes to the output of the fleet.
func (f *fleet) print(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fmt.Fprintf(f.out, format, args...)
}

// introduce prints what a user can do with the fleet. From now on, the end of a proxy does not end
// the fleet, so that a user can kill a proxy.
func (f *fleet) introduce(addresses []string, redis, target string, rate int) {
	f.state.Lock()
	defer f.state.Unlock()
	f.up = true
	for i, address := range addresses {
		f.print("%s, process %d\n", address, f.all[len(f.all)-len(addresses)+i].cmd.Process.Pid)
	}
	f.print("Redis at redis://%s\ntry in another terminal, in this directory:\n"+
		"  export FLEETDIAL_REDIS_URL=redis://%s\n"+
		"  go run ./cmd/publish add --level ShapeTiming --tenant acme --ttl 1m --wait\n"+
		"  curl -H 'X-Tenant: acme' http://%s/orders/_search\n"+
		"proxy-1 then prints a record of the request here, and no record of other tenants;\n"+
		"the fleet also sends %d requests per second of acme and globex itself (-requests 0 for none);\n"+
		"--on zone=us selects proxy-3 only, and --max-per-second 1 records one request per second;\n"+
		"or open the link of the console, which follows, in a browser\n", redis, redis, target, rate)
}

// start starts a process, and copies its output line by line. If keep is set, start starts
// the process again when it ends.
func (f *fleet) start(name string, keep bool, args ...string) error {
	p := new(process)
	f.all = append(f.all, p)
	return f.launch(p, name, keep, args...)
}

func (f *fleet) launch(p *process, name string, keep bool, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...)
	// The process gets its own process group. Otherwise Ctrl-C in the terminal would end
	// all processes at once, while stop ends them in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	*p = process{cmd, make(chan struct{})}
	f.lines.Go(func() {
		lines := bufio.NewScanner(read)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			f.print("%-8s  %s\n", name, lines.Text())
		}
		_, _ = io.Copy(io.Discard, read)
	})
	done := p.done
	go func() {
		defer close(done)
		err := cmp.Or(cmd.Wait(), errors.New("process exited"))
		_ = write.Close()
		f.state.Lock()
		defer f.state.Unlock()
		switch {
		case f.stopping:
		case keep:
			f.print("%-8s  ended (%v), and is started again, without its data; the proxies keep their directives\n", name, err)
			err = f.launch(p, name, keep, args...)
		case f.up && strings.HasPrefix(name, "proxy-"):
			f.print("%-8s  ended (%v); the other processes go on\n", name, err)
			return
		}
		if err != nil {
			f.ended <- fmt.Errorf("%s: %w", name, err)
		}
	}()
	return nil
}

// stop ends the processes in reverse order. Redis ends last, so that the proxies can
// remove themselves from the roster.
func (f *fleet) stop() {
	f.state.Lock()
	f.stopping = true
	f.state.Unlock()
	for _, p := range slices.Backward(f.all) {
		if p.cmd == nil {
			continue // it could not be started
		}
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(15*time.Second, func() { _ = p.cmd.Process.Kill() })
		<-p.done
		kill.Stop()
	}
	f.lines.Wait()
}

// reachable waits until a process listens on the address.
func (f *fleet) reachable(ctx context.Context, addr string) error {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case err := <-f.ended:
			return err
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return ctx.Err()
}
