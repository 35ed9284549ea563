// The service of echo.proto by Go's own gRPC, as a server and as a client that
// checks. The messages are of the well-known types, so nothing is generated.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		serve(os.Args[2])
		return
	}
	if len(os.Args) == 5 && os.Args[1] == "check" {
		checkAll(os.Args[2], atoi(os.Args[3]), atoi(os.Args[4]))
		return
	}
	fmt.Fprintln(os.Stderr, "usage: serve <address> | check <address> <bytes> <count>")
	os.Exit(2)
}

func atoi(text string) int {
	var value int
	if _, err := fmt.Sscan(text, &value); err != nil {
		panic(err)
	}
	return value
}
