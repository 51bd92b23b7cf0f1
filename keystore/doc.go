// Package keystore reads what the ssl.* properties of Java name: the certificates
// that are trusted, and the private key and certificates that prove who we are. The
// forms are PEM, inline or in a file, PKCS12 and JKS.
//
// The properties come without the prefix that they may have in a configuration; an
// Error names them in the same way.
package keystore
