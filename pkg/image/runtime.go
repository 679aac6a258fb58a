package image

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// DefaultReady is how long a container may take until its health checks answer when runtime.ready does not say.
const DefaultReady = 60 * time.Second

// Runtime is what image.yaml says of the image when it runs: how a container is started, and what must hold then.
type Runtime struct {
	Ready  time.Duration `yaml:"ready"` // until every health check answers; 0 is [DefaultReady]
	Start  Start         `yaml:"start"`
	Checks []Check       `yaml:"checks"`
}

// Start is how the container to be checked is started, beside what the service declares. The ports of its health checks
// are published by themselves.
type Start struct {
	Command     []string          `yaml:"command"` // empty is the image's own
	Environment map[string]string `yaml:"environment"`
	Tmpfs       []string          `yaml:"tmpfs"`       // paths
	Volumes     []string          `yaml:"volumes"`     // paths; each gets a new, empty volume
	Certificate *Certificate      `yaml:"certificate"` // nil for none
}

// Certificate is a directory with fullchain.pem and privkey.pem, mounted read-only. Both are made for the check.
type Certificate struct {
	Path  string `yaml:"path" check:"path"` // of the directory
	Owner string `yaml:"owner" check:"ids"` // UID:GID of the files
	Mode  string `yaml:"mode" check:"mode"` // of the key, in octal
}

// IDs are the user and the group that own the files.
func (c Certificate) IDs() (uid, gid int) { return ids(c.Owner) }

// Bits are the permissions of the files.
func (c Certificate) Bits() int64 { return octal(c.Mode, 0) }

// Check is one thing that must hold; exactly one of its fields but Line is set.
type Check struct {
	Line int `yaml:"-"` // in image.yaml

	// Health: asked again and again until the answer is yes, or the ready deadline is over.
	TCP  *TCPCheck  `yaml:"tcp"`
	HTTP *HTTPCheck `yaml:"http"`
	DNS  *DNSCheck  `yaml:"dns"`
	SQL  *SQLCheck  `yaml:"sql"`
	Exec *ExecCheck `yaml:"exec"`

	// Side effects: looked at once, when the container is ready.
	File      *FileCheck    `yaml:"file"`
	Process   *ProcessCheck `yaml:"process"`
	Listening *PortCheck    `yaml:"listening"`
	Access    *AccessCheck  `yaml:"access"`
	Command   *CommandCheck `yaml:"command"`

	Variable *VariableCheck `yaml:"variable"` // in a second container
	Restart  *RestartCheck  `yaml:"restart"`
	Once     *OnceCheck     `yaml:"once"` // a container of its own, which ends by itself
}

// TCPCheck is a TCP port that takes connections from outside.
type TCPCheck struct {
	Port uint16 `yaml:"port" check:"present"`
	TLS  bool   `yaml:"tls"` // it shakes hands, with whatever certificate
	// regular expression that the first line it sends must match; "" is anything
	Greeting string `yaml:"greeting" check:"pattern"`
}

// PortCheck is a TCP port that a process has open.
type PortCheck struct {
	Port uint16 `yaml:"port" check:"present"`
}

// HTTPCheck is a GET that must be answered with a status of 200 to 399.
type HTTPCheck struct {
	Port uint16 `yaml:"port" check:"present"`
	Path string `yaml:"path" check:"page"`
	TLS  bool   `yaml:"tls"` // with the certificate that was made for the check, as localhost
}

// DNSCheck is a name server that has the zone, over UDP and over TCP.
type DNSCheck struct {
	Port uint16 `yaml:"port" check:"present"`
	Zone string `yaml:"zone" check:"present"`
}

// SQLCheck is a PostgreSQL server that lets one log in, with the password made for the check, and answers a query.
type SQLCheck struct {
	Port     uint16 `yaml:"port" check:"present"`
	User     string `yaml:"user" check:"present"`
	Database string `yaml:"database" check:"present"`
	TLS      bool   `yaml:"tls"` // the connection must be encrypted
}

// ExecCheck is a command that must succeed inside the container.
type ExecCheck struct {
	Run  []string `yaml:"run" check:"command"`
	User string   `yaml:"user"` // "" is the image's
}

// FileCheck is a file that must be there.
type FileCheck struct {
	Path  string `yaml:"path" check:"path"`
	Type  string `yaml:"type" check:"kind"`   // file, directory, link or socket
	Owner string `yaml:"owner" check:"names"` // USER:GROUP, by name
	Mode  string `yaml:"mode" check:"mode"`   // in octal
}

// Bits are the permissions that the file must have.
func (f FileCheck) Bits() int64 { return octal(f.Mode, 0) }

// ProcessCheck is a program that must run, and only as that user.
type ProcessCheck struct {
	Name string `yaml:"name" check:"present"` // as the kernel has it, at most 15 letters
	User string `yaml:"user" check:"present"`
}

// AccessCheck is what a user may do with a file, by its mode, its groups and how it is mounted.
type AccessCheck struct {
	Path  string `yaml:"path" check:"path"`
	User  string `yaml:"user" check:"present"` // NAME, UID, or either with :GROUP
	Read  bool   `yaml:"read"`
	Write bool   `yaml:"write"`
}

// CommandCheck is a command inside the container, its exit status and what it prints.
type CommandCheck struct {
	Run      []string `yaml:"run" check:"command"`
	User     string   `yaml:"user"` // "" is the image's
	ExitCode int      `yaml:"exit_code" check:"exit"`
	Output   string   `yaml:"output" check:"pattern"` // regular expression that what it prints must match; "" is anything
}

// VariableCheck is an environment variable that changes what a command prints, in another container that is
// started with all values of such checks.
type VariableCheck struct {
	Name    string   `yaml:"name" check:"variable"`
	Value   string   `yaml:"value"`
	Run     []string `yaml:"run" check:"command"`
	User    string   `yaml:"user"`    // "" is the image's
	Default string   `yaml:"default"` // the whole output without the variable, but for blanks around it
	Output  string   `yaml:"output"`  // the whole output with it
}

// RestartCheck is data that must outlive a restart of the container.
type RestartCheck struct {
	Write  []string `yaml:"write" check:"command"` // before
	Read   []string `yaml:"read" check:"command"`  // after
	User   string   `yaml:"user"`                  // "" is the image's
	Output string   `yaml:"output" check:"present"`
}

// OnceCheck is a container that does one thing and ends.
type OnceCheck struct {
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	ExitCode    int               `yaml:"exit_code" check:"exit"`
	Output      string            `yaml:"output" check:"pattern"` // regular expression for its log; "" is anything
}

// UnmarshalYAML keeps the line on which the check begins.
func (c *Check) UnmarshalYAML(n *yaml.Node) error {
	type plain Check
	if err := n.Decode((*plain)(c)); err != nil {
		return err
	}
	c.Line = n.Line
	return nil
}

// Health tells whether the check is asked until the answer is yes.
func (c Check) Health() bool {
	return c.TCP != nil || c.HTTP != nil || c.DNS != nil || c.SQL != nil || c.Exec != nil
}

// Port is the port that a health check asks on, or 0.
func (c Check) Port() uint16 {
	switch {
	case c.TCP != nil:
		return c.TCP.Port
	case c.HTTP != nil:
		return c.HTTP.Port
	case c.DNS != nil:
		return c.DNS.Port
	case c.SQL != nil:
		return c.SQL.Port
	}
	return 0
}
