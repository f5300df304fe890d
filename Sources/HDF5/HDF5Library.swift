import CHDF5

/// The library as a whole.
public enum HDF5Library {
  /// Initializes the library once per process; further calls cost a load. Opening a file calls it, too.
  ///
  /// Loading filter plugins is switched off: a plugin is code that a file could ask for. The library's exit handler is
  /// not installed: after a failed close it touches what is freed, and the process dies of SIGSEGV in `exit()`. So a file
  /// that is neither closed nor released by then is not written.
  ///
  /// The corresponding C function is `H5open`.
  ///
  /// - Throws: if the library cannot start, or is not built thread-safe: every `Sendable` of this module rests on the
  ///   library's global lock.
  public static func prepare() throws(HDF5Error) { try outcome.get() }

  /// The version of the linked library, such as `1.10.8`.
  ///
  /// The corresponding C function is `H5get_libversion`.
  public static var version: String {
    var major: UInt32 = 0
    var minor: UInt32 = 0
    var release: UInt32 = 0
    H5get_libversion(&major, &minor, &release)
    return "\(major).\(minor).\(release)"
  }

  /// Allows filter plugins, from this folder only; the folders of the library's defaults and of `HDF5_PLUGIN_PATH` are
  /// dropped.
  ///
  /// The corresponding C functions are `H5PLset_loading_state` and `H5PLappend`.
  ///
  /// - Throws: if the library refuses. A missing folder shows only when a filter is looked for.
  public static func loadPlugins(from folder: String) throws(HDF5Error) {
    try prepare()
    let attempt = "load filter plugins from \(folder)"
    var count: UInt32 = 0
    try call("H5PLsize", to: attempt) { H5PLsize(&count) }
    for _ in 0..<count { try call("H5PLremove", to: attempt) { H5PLremove(0) } }
    try call("H5PLappend", to: attempt) { H5PLappend(folder) }
    try call("H5PLset_loading_state", to: attempt) {
      H5PLset_loading_state(UInt32(H5PL_FILTER_PLUGIN))
    }
  }

  private static let outcome = Result { () throws(HDF5Error) in try start() }

  private static func start() throws(HDF5Error) {
    let attempt = "start the HDF5 library"
    // Fails if the library already runs, which is too late for it but no reason to stop.
    _ = H5dont_atexit()
    try call("H5open", to: attempt) { H5open() }
    var isThreadSafe = false
    try call("H5is_library_threadsafe", to: attempt) { H5is_library_threadsafe(&isThreadSafe) }
    try require(
      isThreadSafe, "H5is_library_threadsafe", to: attempt,
      "HDF5 \(version) was built without --enable-threadsafe")
    try call("H5PLset_loading_state", to: attempt) { H5PLset_loading_state(0) }
  }
}
