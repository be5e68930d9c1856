package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"go.yaml.in/yaml/v4"

	"github.com/fleetdial/fleetdial"
	"github.com/fleetdial/fleetdial/cmd/publish/internal/tui"
)

// draftFile is the file that an operator edits.
type draftFile struct {
	path     string
	yaml     bool
	original []byte
}

// newDraft writes the set to a new file, which only the operator can read.
func (a *app) newDraft(opened fleetdial.Revision, set *fleetdial.Set) (*draftFile, error) {
	file := &draftFile{yaml: !a.json(), original: fleetdial.AppendBody(nil, set)}
	extension := "json"
	if file.yaml {
		extension = "yaml"
		block, err := blockYAML(file.original)
		if err != nil {
			return nil, err
		}
		file.original = fmt.Appendf(nil, draftHead, a.fleet, opened.Version, block)
	}
	f, err := os.CreateTemp("", "publish-"+a.fleet+"-*."+extension)
	if err != nil {
		return nil, err
	}
	file.path = f.Name()
	_, err = f.Write(file.original)
	return file, errors.Join(err, f.Close())
}

// draftHead formats the fleet, the version and the directives.
const draftHead = `# Fleet %s at version %d, without expired directives. An unchanged file publishes nothing.
# A directive may have ttl_secs instead of expires_at.
%s`

// isEdited reports whether the file holds something else than newDraft wrote.
func (f *draftFile) isEdited() bool {
	data, err := os.ReadFile(f.path)
	return err == nil && !bytes.Equal(data, f.original)
}

// remove removes the file, if it is still there.
func (f *draftFile) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// runEditor runs the editor, a command line of the shell, on the terminal.
func (a *app) runEditor(editor, path string) error {
	cmd := exec.Command("sh", "-c", editor+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.stdin, a.stdout, a.stderr
	if !tui.IsTerminal(a.stdout) {
		// stdout is for data: the JSON of the revision.
		cmd.Stdout = a.stderr
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("editor %q: %w; nothing was written", editor, err)
	}
	return nil
}

// blockYAML returns JSON as YAML in block style. The order of the fields stays.
func blockYAML(body []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(body, &doc); err != nil {
		return nil, err
	}
	inBlockStyle(&doc)
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	err := e.Encode(&doc)
	return out.Bytes(), errors.Join(err, e.Close())
}

// inBlockStyle changes the style of maps, lists and the names of fields. Values that are strings,
// and the names of labels, stay quoted, because a plain word, such as no, may have another meaning.
func inBlockStyle(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style = 0
	}
	isMap := n.Kind == yaml.MappingNode
	for i, content := range n.Content {
		switch {
		case isMap && i%2 == 0:
			content.Style = 0
		case isMap && n.Content[i-1].Value == "labels":
			content.Style = 0 // its names stay quoted
		default:
			inBlockStyle(content)
		}
	}
}
