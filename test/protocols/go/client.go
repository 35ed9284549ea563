package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const limit = 60 * time.Second

// Reports a check as programs/report.ts does.
func check(name string, body func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	line := map[string]string{"check": name}
	if err := body(ctx); err != nil {
		line["error"] = err.Error()
	}
	text, err := json.Marshal(line)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, string(text))
}

func expect(got, wanted any) error {
	if fmt.Sprint(got) == fmt.Sprint(wanted) {
		return nil
	}
	return fmt.Errorf("%v, and not %v", got, wanted)
}

type client struct {
	connection *grpc.ClientConn
}

func (c client) unary(ctx context.Context, text string, options ...grpc.CallOption) (string, error) {
	reply := new(wrapperspb.StringValue)
	err := c.connection.Invoke(ctx, "/"+service+"/Unary", wrapperspb.String(text), reply, options...)
	return reply.GetValue(), err
}

func (c client) stream(ctx context.Context, method string) (grpc.ClientStream, error) {
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	return c.connection.NewStream(ctx, description, "/"+service+"/"+method)
}

func checkAll(address string, large, count int) {
	connection, err := grpc.NewClient(
		"passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)),
	)
	if err != nil {
		panic(err)
	}
	defer connection.Close()
	c := client{connection}
	check("a call, with metadata both ways", c.checkMetadata)
	check("many calls at a time", func(ctx context.Context) error { return c.checkMany(ctx, count) })
	check("errors, which come as trailers alone", c.checkErrors)
	check("a method that is not there", func(ctx context.Context) error {
		reply := new(wrapperspb.StringValue)
		err := connection.Invoke(ctx, "/"+service+"/None", wrapperspb.String(""), reply)
		return expect(status.Code(err), codes.Unimplemented)
	})
	check("a stream of the server", func(ctx context.Context) error { return c.checkDown(ctx, 10*count) })
	check("a stream of the client", func(ctx context.Context) error { return c.checkUp(ctx, 10*count) })
	check("streams in both directions, message by message", func(ctx context.Context) error {
		return c.checkBoth(ctx, count)
	})
	check("a large message", func(ctx context.Context) error { return c.checkBytes(ctx, large) })
	check("large metadata", c.checkLargeMetadata)
	check("a deadline ends a call at both ends", c.checkDeadline)
	check("a cancelled call ends at both ends", c.checkCancel)
}

func (c client) checkMetadata(ctx context.Context) error {
	binary := string([]byte{0, 1, 254, 255})
	ctx = metadata.AppendToOutgoingContext(ctx, "x-asked", "for this", "x-binary-bin", binary)
	var initial, trailers metadata.MD
	reply, err := c.unary(ctx, "metadata x-asked", grpc.Header(&initial), grpc.Trailer(&trailers))
	if err != nil {
		return err
	}
	hex, err := c.unary(ctx, "metadata x-binary-bin")
	if err != nil {
		return err
	}
	return errors.Join(
		expect(reply, "for this"),
		expect(initial.Get("x-initial"), []string{"told at the beginning"}),
		expect(trailers.Get("x-trailer"), []string{"told at the end"}),
		expect(hex, "0001feff"),
	)
}

func (c client) checkMany(ctx context.Context, count int) error {
	var calls sync.WaitGroup
	results := make([]error, count)
	for i := range count {
		calls.Add(1)
		go func() {
			defer calls.Done()
			text := fmt.Sprintf("call %d", i)
			reply, err := c.unary(ctx, text)
			results[i] = errors.Join(err, expect(reply, text))
		}()
	}
	calls.Wait()
	return errors.Join(results...)
}

func (c client) checkErrors(ctx context.Context) error {
	for _, code := range []codes.Code{codes.NotFound, codes.Unavailable, codes.Internal, codes.DataLoss} {
		var trailers metadata.MD
		message := "no such thing: 100% ✓"
		_, err := c.unary(ctx, fmt.Sprintf("fail %d %s", code, message), grpc.Trailer(&trailers))
		failed := errors.Join(
			expect(status.Code(err), code),
			expect(status.Convert(err).Message(), message),
			expect(trailers.Get("x-trailer"), []string{"told at the end"}),
		)
		if failed != nil {
			return failed
		}
	}
	return nil
}

func (c client) checkDown(ctx context.Context, count int) error {
	stream, err := c.stream(ctx, "Down")
	if err != nil {
		return err
	}
	if err := errors.Join(stream.SendMsg(wrapperspb.Int32(int32(count))), stream.CloseSend()); err != nil {
		return err
	}
	for i := 1; ; i++ {
		text := new(wrapperspb.StringValue)
		err := stream.RecvMsg(text)
		if errors.Is(err, io.EOF) {
			return expect(i, count+1)
		}
		if err := errors.Join(err, expect(text.GetValue(), fmt.Sprintf("message %d", i))); err != nil {
			return err
		}
	}
}

func (c client) checkUp(ctx context.Context, count int) error {
	stream, err := c.stream(ctx, "Up")
	if err != nil {
		return err
	}
	for i := range count {
		if err := stream.SendMsg(wrapperspb.String(fmt.Sprintf("message %d", i))); err != nil {
			return err
		}
	}
	received := new(wrapperspb.Int32Value)
	if err := errors.Join(stream.CloseSend(), stream.RecvMsg(received)); err != nil {
		return err
	}
	return expect(received.GetValue(), count)
}

func (c client) checkBoth(ctx context.Context, count int) error {
	stream, err := c.stream(ctx, "Both")
	if err != nil {
		return err
	}
	for i := range count {
		sent, received := wrapperspb.String(fmt.Sprintf("message %d", i)), new(wrapperspb.StringValue)
		err := errors.Join(stream.SendMsg(sent), stream.RecvMsg(received))
		if err := errors.Join(err, expect(received.GetValue(), sent.GetValue())); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return expect(stream.RecvMsg(new(wrapperspb.StringValue)), io.EOF)
}

func (c client) checkBytes(ctx context.Context, size int) error {
	sent := make([]byte, size)
	for i := range sent {
		sent[i] = byte(i * 7 % 251)
	}
	received := new(wrapperspb.BytesValue)
	err := c.connection.Invoke(ctx, "/"+service+"/Bytes", wrapperspb.Bytes(sent), received)
	if err != nil {
		return err
	}
	return expect(bytes.Equal(sent, received.GetValue()), true)
}

func (c client) checkLargeMetadata(ctx context.Context) error {
	large := strings.Repeat("y", 6000)
	var initial metadata.MD
	reply, err := c.unary(metadata.AppendToOutgoingContext(ctx, "x-large", large), "metadata x-large")
	if err := errors.Join(err, expect(reply, large)); err != nil {
		return err
	}
	_, err = c.unary(ctx, "headers 6000", grpc.Header(&initial))
	return errors.Join(err, expect(initial.Get("x-large"), []string{strings.Repeat("x", 6000)}))
}

// How many calls of Wait the server has seen begin, or end without an answer.
func (c client) waits(ctx context.Context, which string) (int32, error) {
	count := new(wrapperspb.Int32Value)
	err := c.connection.Invoke(ctx, "/"+service+"/Abandoned", wrapperspb.String(which), count)
	return count.GetValue(), err
}

func (c client) wait(ctx context.Context) error {
	return c.connection.Invoke(ctx, "/"+service+"/Wait", wrapperspb.String(""), new(wrapperspb.StringValue))
}

// Returns when a count has risen above what it was.
func (c client) untilMore(ctx context.Context, which string, before int32) error {
	for {
		now, err := c.waits(ctx, which)
		if err != nil || now > before {
			return err
		}
	}
}

func (c client) checkDeadline(ctx context.Context) error {
	begun, first := c.waits(ctx, "begun")
	abandoned, second := c.waits(ctx, "abandoned")
	if err := errors.Join(first, second); err != nil {
		return err
	}
	// One that was over before it was sent shows nothing.
	for now := begun; now == begun; {
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		failed := expect(status.Code(c.wait(short)), codes.DeadlineExceeded)
		cancel()
		var err error
		if now, err = c.waits(ctx, "begun"); errors.Join(failed, err) != nil {
			return errors.Join(failed, err)
		}
	}
	return c.untilMore(ctx, "abandoned", abandoned)
}

func (c client) checkCancel(ctx context.Context) error {
	begun, first := c.waits(ctx, "begun")
	abandoned, second := c.waits(ctx, "abandoned")
	if err := errors.Join(first, second); err != nil {
		return err
	}
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.wait(cancelled) }()
	if err := c.untilMore(ctx, "begun", begun); err != nil {
		return err
	}
	cancel()
	if err := expect(status.Code(<-ended), codes.Canceled); err != nil {
		return err
	}
	return c.untilMore(ctx, "abandoned", abandoned)
}
