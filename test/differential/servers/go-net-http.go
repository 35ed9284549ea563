// A server of Go's standard library that prints every whole request that it read.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// What stands under the names that only a sidecar may use.
func trust(header http.Header) string {
	var values []string
	for name, some := range header {
		name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
		if strings.HasPrefix(name, "x-remora-") || name == "x-forwarded-client-cert" {
			values = append(values, some...)
		}
	}
	if len(values) == 0 {
		return "-"
	}
	return strings.Join(values, ",")
}

func main() {
	var mutex sync.Mutex
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash := sha256.New()
		bytes, err := io.Copy(hash, r.Body)
		if err != nil {
			http.Error(w, "the body is not whole", http.StatusBadRequest)
			return
		}
		line := fmt.Sprintf("%s %s %d %x %s", r.Method, r.RequestURI, bytes, hash.Sum(nil)[:8], trust(r.Header))
		mutex.Lock()
		fmt.Println(line)
		mutex.Unlock()
		w.Header().Set("x-seen", line)
		io.WriteString(w, "seen\n")
	})
	server := http.Server{
		Addr:                         "127.0.0.1:" + os.Args[1],
		Handler:                      handler,
		DisableGeneralOptionsHandler: true,
	}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
