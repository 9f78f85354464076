// Package kubernetes hands audit events to Graven as the API server of Kubernetes does.
//
// Its test runs the API server's own webhook backend (k8s.io/apiserver) with a kubeconfig, so the lists are encoded by its
// types of audit.k8s.io/v1 and sent again by its rules.
//
//	GRAVEN_BIN=../../target/release/graven go test -count=1 ./...
package kubernetes
