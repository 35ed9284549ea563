package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const service = "protocols.Echo"

// Calls of Wait that have begun, and those that have ended without an answer.
var begun, abandoned atomic.Int32

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(1 << 30))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			unary("Unary", answer),
			unary("Wait", wait),
			unary("Abandoned", func(_ context.Context, which *wrapperspb.StringValue) (any, error) {
				if which.GetValue() == "begun" {
					return wrapperspb.Int32(begun.Load()), nil
				}
				return wrapperspb.Int32(abandoned.Load()), nil
			}),
			unary("Bytes", func(_ context.Context, bytes *wrapperspb.BytesValue) (any, error) {
				return bytes, nil
			}),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Down", Handler: down, ServerStreams: true},
			{StreamName: "Up", Handler: up, ClientStreams: true},
			{StreamName: "Both", Handler: both, ClientStreams: true, ServerStreams: true},
		},
	}, struct{}{})
	if err := server.Serve(listener); err != nil {
		panic(err)
	}
}

// What generated code would do for a method of one message each way.
func unary[T any](name string, method func(context.Context, *T) (any, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := new(T)
			if err := decode(request); err != nil {
				return nil, err
			}
			return method(ctx, request)
		},
	}
}

// What a text asks for, instead of itself.
func answer(ctx context.Context, text *wrapperspb.StringValue) (any, error) {
	words := strings.SplitN(text.GetValue(), " ", 3)
	if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "told at the end")); err != nil {
		return nil, err
	}
	if words[0] == "fail" {
		code, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		return nil, status.Error(codes.Code(code), words[2])
	}
	initial := metadata.Pairs("x-initial", "told at the beginning")
	reply := text.GetValue()
	switch words[0] {
	case "headers":
		size, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		initial.Set("x-large", strings.Repeat("x", size))
		reply = "sent"
	case "metadata":
		reply = strings.Join(metadata.ValueFromIncomingContext(ctx, words[1]), ",")
		if strings.HasSuffix(words[1], "-bin") {
			reply = hex.EncodeToString([]byte(reply))
		}
	}
	if err := grpc.SendHeader(ctx, initial); err != nil {
		return nil, err
	}
	return wrapperspb.String(reply), nil
}

func wait(ctx context.Context, _ *wrapperspb.StringValue) (any, error) {
	begun.Add(1)
	<-ctx.Done()
	abandoned.Add(1)
	return nil, status.FromContextError(ctx.Err()).Err()
}

func down(_ any, stream grpc.ServerStream) error {
	count := new(wrapperspb.Int32Value)
	if err := stream.RecvMsg(count); err != nil {
		return err
	}
	for i := int32(1); i <= count.GetValue(); i++ {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprintf("message %d", i))); err != nil {
			return err
		}
	}
	return nil
}

func up(_ any, stream grpc.ServerStream) error {
	for count := int32(0); ; count++ {
		err := stream.RecvMsg(new(wrapperspb.StringValue))
		if errors.Is(err, io.EOF) {
			return stream.SendMsg(wrapperspb.Int32(count))
		}
		if err != nil {
			return err
		}
	}
}

func both(_ any, stream grpc.ServerStream) error {
	for {
		text := new(wrapperspb.StringValue)
		err := stream.RecvMsg(text)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(text); err != nil {
			return err
		}
	}
}
