package engine

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	// probeText is what the probe's program prints, and answers on its port.
	probeText = "ok\n"
	probePort = 8080
)

// probeProgram returns a static Linux program of about 300 bytes for a processor as Go names it. With an
// argument it prints probeText and ends with status 0; without one it listens on probePort and answers every
// connection with probeText.
func probeProgram(arch string) ([]byte, error) {
	var code []byte
	var machine uint16
	switch arch {
	case "amd64":
		code, machine = amd64Code(), 62
	case "arm64":
		code, machine = arm64Code(), 183
	default:
		return nil, fmt.Errorf("probe the engine: there is no probe for the processor %q", arch)
	}
	const base, headers = 0x400000, 64 + 56
	size := uint64(headers + len(code))
	var b bytes.Buffer
	b.WriteString("\x7fELF\x02\x01\x01" + string(make([]byte, 9))) // 64 bit, little endian, version 1
	for _, field := range []any{
		uint16(2), machine, uint32(1), uint64(base + headers), uint64(64), uint64(0), // executable, entry, program headers
		uint32(0), uint16(64), uint16(56), uint16(1), uint16(0), uint16(0), uint16(0),
		// one segment, read and execute
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x10000),
	} {
		if err := binary.Write(&b, binary.LittleEndian, field); err != nil {
			return nil, fmt.Errorf("probe the engine: %w", err)
		}
	}
	b.Write(code)
	return b.Bytes(), nil
}

// sockaddr and text stand behind the code: AF_INET, port 8080, any address; then probeText.
func data() []byte {
	return append([]byte{2, 0, probePort >> 8, probePort & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, probeText...)
}

// amd64Code is the output of GNU as for the instructions in the comments.
func amd64Code() []byte {
	return append([]byte{
		0x48, 0x8b, 0x04, 0x24, // mov (%rsp), %rax: argc
		0x48, 0x83, 0xf8, 0x01, // cmp $1, %rax
		0x77, 0x67, // ja say
		0xb8, 0x29, 0, 0, 0, 0xbf, 2, 0, 0, 0, 0xbe, 1, 0, 0, 0, 0x31, 0xd2, 0x0f, 0x05, // socket(AF_INET, SOCK_STREAM, 0)
		0x89, 0xc3, // mov %eax, %ebx
		// bind(ebx, sockaddr, 16)
		0x89, 0xdf, 0x48, 0x8d, 0x35, 0x6a, 0, 0, 0, 0xba, 16, 0, 0, 0, 0xb8, 49, 0, 0, 0, 0x0f, 0x05,
		0x89, 0xdf, 0xbe, 8, 0, 0, 0, 0xb8, 50, 0, 0, 0, 0x0f, 0x05, // listen(ebx, 8)
		0x89, 0xdf, 0x31, 0xf6, 0x31, 0xd2, 0xb8, 43, 0, 0, 0, 0x0f, 0x05, // next: accept(ebx, 0, 0)
		0x89, 0xc5, // mov %eax, %ebp
		0x89, 0xef, 0x48, 0x8d, 0x35, 0x48, 0, 0, 0, 0xba, 3, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, // write(ebp, text, 3)
		0x89, 0xef, 0xb8, 3, 0, 0, 0, 0x0f, 0x05, // close(ebp)
		0xeb, 0xd1, // jmp next
		// say: write(1, text, 3)
		0xbf, 1, 0, 0, 0, 0x48, 0x8d, 0x35, 0x25, 0, 0, 0, 0xba, 3, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0x0f, 0x05,
		0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 0x05, // exit(0)
	}, data()...)
}

// arm64Code is built from the words that GNU as gives for the instructions in the comments.
func arm64Code() []byte {
	var b []byte
	for _, word := range []uint32{
		0xf94003e0,             // ldr x0, [sp]: argc
		0xf100041f, 0x540003a8, // cmp x0, #1; b.hi say
		0xd2800040, 0xd2800021, 0xd2800002, 0xd28018c8, 0xd4000001, // socket(AF_INET, SOCK_STREAM, 0)
		0xaa0003f3,                                     // mov x19, x0
		0x100003c1, 0xd2800202, 0xd2801908, 0xd4000001, // bind(x0, sockaddr, 16)
		0xaa1303e0, 0xd2800101, 0xd2801928, 0xd4000001, // listen(x19, 8)
		0xaa1303e0, 0xd2800001, 0xd2800002, 0xd2801948, 0xd4000001, // next: accept(x19, 0, 0)
		0xaa0003f4,                                     // mov x20, x0
		0x10000281, 0xd2800062, 0xd2800808, 0xd4000001, // write(x0, text, 3)
		0xaa1403e0, 0xd2800728, 0xd4000001, // close(x20)
		0x17fffff3,                                                 // b next
		0xd2800020, 0x10000161, 0xd2800062, 0xd2800808, 0xd4000001, // say: write(1, text, 3)
		0xd2800000, 0xd2800ba8, 0xd4000001, // exit(0)
	} {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return append(b, data()...)
}

// probeRootfs is a root file system with nothing but the program, as an archive.
func probeRootfs(program []byte) (io.Reader, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	head := &tar.Header{
		Typeflag: tar.TypeReg, Name: "probe", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0),
	}
	if err := w.WriteHeader(head); err != nil {
		return nil, fmt.Errorf("pack the probe's program: %w", err)
	}
	if _, err := w.Write(program); err != nil {
		return nil, fmt.Errorf("pack the probe's program: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("pack the probe's program: %w", err)
	}
	return &b, nil
}
