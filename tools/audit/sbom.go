package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// materials writes the bill of materials of a binary, in CycloneDX's JSON.
func materials(tool, binary, path string) (result, error) {
	r := result{what: "CycloneDX"}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return r, err
	}
	cmd := exec.Command(tool, "bin", "-json", "-noserial", "-std", "-output", path, binary)
	if out, err := cmd.CombinedOutput(); err != nil {
		return r, fmt.Errorf("cyclonedx-gomod: %w\n%s", err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	components, err := readBill(text)
	if err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	r.figure = fmt.Sprintf("the command is made of %s: %s", plural(len(components), "component"), strings.Join(components, ", "))
	return r, nil
}

// readBill returns the components with their versions.
func readBill(text []byte) (components []string, err error) {
	var bill struct {
		Format     string `json:"bomFormat"`
		Components []struct{ Name, Version string }
	}
	if err := json.Unmarshal(text, &bill); err != nil {
		return nil, err
	}
	if bill.Format != "CycloneDX" || len(bill.Components) == 0 {
		return nil, fmt.Errorf("no bill of materials with components")
	}
	for _, c := range bill.Components {
		components = append(components, c.Name+" "+c.Version)
	}
	slices.Sort(components)
	return components, nil
}
