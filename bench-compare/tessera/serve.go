package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/transparency-dev/tessera"
)

// maxEntry is the most bytes of an entry that is taken.
const maxEntry = 64 << 10

// serve answers POST /add with the entry's index once it is durable, and GET /size with the size of the tree. It prints its
// address, and ends when it is killed.
func serve(ctx context.Context) error {
	log, _, reader, err := open(ctx)
	if err != nil {
		return err
	}
	http.HandleFunc("POST /add", func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(answer, request.Body, maxEntry))
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		index, err := log.Add(request.Context(), tessera.NewEntry(body))()
		if err != nil {
			http.Error(answer, err.Error(), http.StatusServiceUnavailable)
			return
		}
		answer.WriteHeader(http.StatusCreated)
		fmt.Fprintf(answer, "%d", index.Index)
	})
	http.HandleFunc("GET /size", func(answer http.ResponseWriter, request *http.Request) {
		size, err := reader.IntegratedSize(request.Context())
		if err != nil {
			http.Error(answer, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(answer, "%d", size)
	})
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	return http.Serve(listener, nil)
}
