package runner_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/term"

	"github.com/poststack/poststack/pkg/runner"
)

// childEnv makes the test binary act as the program of that name instead of testing.
const childEnv = "POSTSTACK_RUNNER_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		os.Exit(child(role, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// child is what the test binary does as a program; it returns its exit status.
func child(role string, args []string) int {
	switch role {
	case "exit": // STATUS: says something on both streams
		fmt.Println("to stdout")
		fmt.Fprintln(os.Stderr, "to stderr:", strings.Join(args, " "))
		status, _ := strconv.Atoi(args[0])
		return status
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "ask": // a line at a time, and each only when it is told to
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			fmt.Printf("half %s, ", in.Text())
			fmt.Printf("whole %s\n", in.Text())
		}
	case "both": // as many lines on each stream at once
		done := make(chan struct{})
		go func() {
			defer close(done)
			say(os.Stderr, "err")
		}()
		say(os.Stdout, "out")
		<-done
	case "flood": // BYTES
		n, _ := strconv.Atoi(args[0])
		_, _ = io.CopyN(os.Stdout, endless{}, int64(n))
		fmt.Print("END")
	case "where":
		dir, _ := os.Getwd()
		fmt.Println(dir, os.Getenv("PWD"), os.Getenv("ANSWER"), syscall.Getpgrp() == os.Getpid())
	case "wait": // for a signal, and then ends by it
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "tidy": // ends with 0 when it is told to end
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGTERM)
		fmt.Println("ready")
		<-told
		fmt.Println("tidied")
	case "stubborn": // ends by SIGKILL alone
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "stopped": // hears nothing until it is continued
		fmt.Println("ready")
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Minute)
	case "terminal": // ROLE: gives its terminal to that child, and says how it ended
		own := runner.Terminal{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGINT)
		code, err := own.Run(context.Background(),
			runner.Command{Program: os.Args[0], Env: []string{childEnv + "=" + args[0]}})
		fmt.Printf("code %d, error %v, interactive %v, signals %d\n", code, err, own.Interactive(), len(told))
	case "raw": // leaves the terminal raw
		_, err := term.MakeRaw(int(os.Stdin.Fd()))
		fmt.Println("ready", err)
		time.Sleep(time.Minute)
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "parent", "leave": // ROLE: starts a child, tells its PID; waits for the child, or leaves it
		return parent(role, args[0])
	default:
		return 64
	}
	return 0
}

// parent starts a child that shares its output, and tells that child's PID once it is ready.
func parent(role, childRole string) int {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+childRole)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return 65
	}
	_, _ = bufio.NewReader(out).ReadString('\n')
	fmt.Println(cmd.Process.Pid)
	if role == "leave" {
		return 0
	}
	_ = cmd.Wait()
	return 0
}

// say writes many lines, each in two pieces.
func say(w io.Writer, word string) {
	for range 200 {
		_, _ = io.WriteString(w, word+", ")
		_, _ = io.WriteString(w, word+"\n")
	}
}

// endless is text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// command is the test binary in that role. Built with -race it would sleep for a second before it exits.
func command(t *testing.T, role string, args ...string) runner.Command {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return runner.Command{Program: program, Args: args, Env: []string{childEnv + "=" + role, "GORACE=atexit_sleep_ms=0"}}
}

// firstLine is a writer that hands over the first line.
type firstLine struct {
	line chan string
	text string
	done bool
}

func newFirstLine() *firstLine { return &firstLine{line: make(chan string, 1)} }

func (w *firstLine) Write(p []byte) (int, error) {
	w.text += string(p)
	if line, _, ok := strings.Cut(w.text, "\n"); ok && !w.done {
		w.done = true
		w.line <- line
	}
	return len(p), nil
}

// cancelled runs c until its first line, then cancels with cause, and returns that line and how it ended.
func cancelled(t *testing.T, c runner.Command, cause error) (line string, res runner.Result, err error) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	first := newFirstLine()
	c.Stdout = first
	done := make(chan struct{})
	go func() {
		defer close(done)
		res, err = runner.Exec{}.Run(ctx, c)
	}()
	select {
	case line = <-first.line:
	case <-done:
		t.Fatalf("ended before its first line: %v", err)
	}
	cancel(cause)
	<-done
	return line, res, err
}
