// Program is what the containers of the contract suite run: an image needs no more than this one static
// file. Each command does one thing; PID 1 gets no signal by default, so wait handles SIGTERM and SIGINT.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		os.Args = append(os.Args, "wait")
	}
	if err := run(os.Args[1], append(os.Args[2:], "", "")); err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	switch verb {
	case "echo": // TEXT
		fmt.Println(strings.TrimSpace(strings.Join(args, " ")))
	case "warn": // TEXT, on stderr
		fmt.Fprintln(os.Stderr, strings.TrimSpace(strings.Join(args, " ")))
	case "exit": // STATUS
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(code)
	case "fail": // STATUS after some lines
		fmt.Println("working on it")
		fmt.Fprintln(os.Stderr, "program: no space left on the moon")
		return run("exit", args)
	case "env": // NAME
		fmt.Println(os.Getenv(args[0]))
	case "id":
		fmt.Printf("%d:%d\n", os.Getuid(), os.Getgid())
	case "wait":
		return wait()
	case "sleep": // DURATION, and the status after it
		d, err := time.ParseDuration(args[0])
		time.Sleep(d)
		if err == nil && len(args) > 1 {
			return run("exit", args[1:])
		}
		return err
	default:
		return files(verb, args)
	}
	return nil
}

func files(verb string, args []string) error {
	switch verb {
	case "cat": // FILE
		data, err := os.ReadFile(args[0])
		if err == nil {
			_, err = os.Stdout.Write(data)
		}
		return err
	case "write": // FILE TEXT
		return os.WriteFile(args[0], []byte(args[1]), 0o644)
	case "fill": // FILE BYTES
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		return os.WriteFile(args[0], make([]byte, n), 0o644)
	case "stat": // FILE
		info, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		fmt.Printf("%04o %d:%d\n", info.Mode().Perm(), st.Uid, st.Gid)
		return nil
	case "size": // DIR, of its file system in bytes
		var st syscall.Statfs_t
		err := syscall.Statfs(args[0], &st)
		fmt.Println(int64(st.Blocks) * st.Bsize)
		return err
	default:
		return network(verb, args)
	}
}

func network(verb string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	switch verb {
	case "serve": // PORT TEXT: answers every connection with TEXT
		listener, err := net.Listen("tcp", ":"+args[0])
		for err == nil {
			var conn net.Conn
			if conn, err = listener.Accept(); err == nil {
				_, _ = io.WriteString(conn, args[1])
				_ = conn.Close()
			}
		}
		return err
	case "serve-udp": // PORT TEXT: answers every datagram with TEXT
		conn, err := net.ListenPacket("udp", ":"+args[0])
		for buffer := make([]byte, 512); err == nil; {
			var from net.Addr
			if _, from, err = conn.ReadFrom(buffer); err == nil {
				_, err = conn.WriteTo([]byte(args[1]), from)
			}
		}
		return err
	case "dial": // HOST:PORT: prints what it says
		for {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", args[0])
			if err == nil {
				_, err = io.Copy(os.Stdout, conn)
				return err
			}
			if ctx.Err() != nil {
				return err
			}
			time.Sleep(50 * time.Millisecond)
		}
	case "lookup": // HOST
		hosts, err := net.DefaultResolver.LookupHost(ctx, args[0])
		fmt.Println(strings.Join(hosts, " "))
		return err
	default:
		return fmt.Errorf("unknown command %q", verb)
	}
}

// wait says which signal ended it: 40 plus its number is the status.
func wait() error {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	fmt.Println("waiting")
	s := <-ch
	fmt.Println("got", s)
	os.Exit(40 + int(s.(syscall.Signal)))
	return nil
}
