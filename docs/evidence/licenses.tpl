# Licenses

Of what is in the two programs, packages with a license of their own listed apart. `make sbom` writes this page anew and compares; the lists of
components (CycloneDX) go to `.build/sbom/`. The rest of go.mod is for tests.

| package | version | license |
|---|---|---|
{{range .}}| `{{.Name}}` | {{.Version}} | {{.LicenseName}} |
{{end}}