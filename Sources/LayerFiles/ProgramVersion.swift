/// The program's version, after semver.org; it stands in every output.
public let programVersion = "0.1.0"
