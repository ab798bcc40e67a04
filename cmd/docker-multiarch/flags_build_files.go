package main

// files are those that tell of a build.
func (o buildOptions) files() (files []flagFile) {
	for _, f := range []flagFile{{"--iidfile", o.iidFile}, {"--metadata-file", o.metadataFile}, {"--report", o.report}} {
		if f.name != "" && f != (flagFile{"--report", "-"}) {
			files = append(files, f)
		}
	}
	return files
}
