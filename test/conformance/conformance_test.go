// Package conformance is the Gateway API's conformance suite at the version that
// go.mod pins, as a test binary of our own: the module of the suite cannot be
// built in its own folder outside its repository. `main.ts` builds and runs it.
package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance"
)

func TestConformance(t *testing.T) {
	conformance.RunConformance(t)
}
