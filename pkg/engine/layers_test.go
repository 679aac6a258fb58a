package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/poststack/poststack/pkg/engine"
)

func TestInstruction(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, createdBy, want string }{
		{"a setting of the classic builder", `/bin/sh -c #(nop)  CMD ["bash"]`, `CMD ["bash"]`},
		{"a RUN of the classic builder", "/bin/sh -c groupadd a  && \tuseradd b", "RUN groupadd a && useradd b"},
		{"a RUN with the build's arguments", "|2 A=b C=d e /bin/sh -c make", "RUN make"},
		{"a RUN in another shell", "/bin/bash -Eeuo pipefail -c make", "RUN make"},
		{"a RUN with strict flags", "/bin/bash -o pipefail -ec make", "RUN make"},
		{"BuildKit", "COPY a /b # buildkit", "COPY a /b"},
		{"BuildKit's RUN", "RUN /bin/sh -c make # buildkit", "RUN /bin/sh -c make"},
		{"an import", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, engine.Instruction(tc.createdBy))
		})
	}
}
