//! A virtual image: what a build context would become, without building it.
