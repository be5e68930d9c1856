// Command upstream answers every request with an empty search result in the format of
// OpenSearch. Use it to try a proxy without OpenSearch.
//
//	go run ./examples/upstream -listen 127.0.0.1:9200
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9200", "address of the server")
	delay := flag.Duration("delay", 0, "duration of each response")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *delay); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, listen string, delay time.Duration) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("upstream started addr=%s\n", listener.Addr())
	server := &http.Server{Handler: answer(delay), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// answer returns a handler that reads the request body, waits for the delay, and responds
// with an empty search result.
func answer(delay time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"took":0,"timed_out":false,"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}`+"\n")
	})
}
