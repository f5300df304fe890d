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

  private static let outcome = Result { () throws(HDF5Error) in try start() }

  private static func start() throws(HDF5Error) {
    var attempt: String { "start the HDF5 library" }
    // Fails if the library already runs, which is too late for it but no reason to stop.
    _ = H5dont_atexit()
    try call("H5open", to: attempt) { H5open() }
    var isThreadSafe = false
    try call("H5is_library_threadsafe", to: attempt) { H5is_library_threadsafe(&isThreadSafe) }
    try require(
      isThreadSafe, "H5is_library_threadsafe", to: attempt,
      "HDF5 \(version) was built without --enable-threadsafe")
    try call("H5PLset_loading_state", to: attempt) { H5PLset_loading_state(0) }
    RegisteredFilters.register()
  }
}
