//! The package indexes of Debian and Alpine: what `apt-get install` and `apk add` would install, and how large it is.
