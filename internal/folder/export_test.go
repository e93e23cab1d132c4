package folder

import "io/fs"

// ReadFile reads a file that is expected to be as info says.
func (f *Folder[T]) ReadFile(path string, info fs.FileInfo) ([]byte, error) {
	content, _, err := f.readFile(path, info)
	return content, err
}
