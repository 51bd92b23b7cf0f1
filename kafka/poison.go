package kafka

// poison overwrites what is given back, so that whoever still looks at it is found
// out. Tests set it.
var poison bool
