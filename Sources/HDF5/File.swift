import CHDF5
import FileNames
import Parallel

/// An HDF5 file.
///
/// It stays open as long as it or anything opened in it is in use. A file that was written must be closed with
/// ``close()``: only that tells whether everything arrived.
public final class File: Sendable {
  /// The path as given.
  public var path: String { open.path }
  /// The group `/`.
  public let root: Group
  /// Whether the file could not be locked, because the file system cannot, and was opened all the same: nothing then
  /// keeps another program from writing it.
  public let openedWithoutLock: Bool

  private let open: OpenFile

  /// Opens an existing file for reading.
  ///
  /// The corresponding C function is `H5Fopen`.
  ///
  /// - Throws: if there is no such file, it is no complete HDF5 file, or another program has it open for writing.
  public convenience init(reading path: String) throws(HDF5Error) {
    try self.init(.read, path: path)
  }

  /// Opens an existing file for reading and writing.
  ///
  /// The corresponding C function is `H5Fopen`.
  ///
  /// - Throws: if there is no such file, it is no complete HDF5 file, or another program has it open.
  public convenience init(updating path: String) throws(HDF5Error) {
    try self.init(.update, path: path)
  }

  /// Creates a file, or empties an existing one, for writing. Files written alike have equal bytes: nothing in them
  /// depends on the time.
  ///
  /// The corresponding C function is `H5Fcreate`.
  ///
  /// - Throws: if the file cannot be created, or another program has it open.
  public convenience init(creating path: String) throws(HDF5Error) {
    try self.init(.create, path: path)
  }

  /// Creates a file that must not exist yet, for writing, otherwise like ``init(creating:)``.
  ///
  /// A file system can treat a file that was emptied with more care than a new one: ext4 waits in closing it until all of it
  /// is on its way to the device.
  ///
  /// The corresponding C function is `H5Fcreate`.
  ///
  /// - Throws: if the file exists or cannot be created.
  public convenience init(creatingNew path: String) throws(HDF5Error) {
    try self.init(.createNew, path: path)
  }

  private init(_ mode: OpeningMode, path: String) throws(HDF5Error) {
    try HDF5Library.prepare()
    let (handle, isLocked) = try mode.open(path)
    let open = OpenFile(handle, path: path)
    let root = try Handle(.group, "H5Gopen2", to: "open the root group of \(path)") {
      H5Gopen2(handle.identifier, "/", chdf5_default())
    }
    self.open = open
    self.root = Group(OpenObject(root, file: open, path: "/"))
    self.openedWithoutLock = !isLocked
  }

  /// Whether a file begins like an HDF5 file, or has its signature at 512, 1024, 2048, … bytes.
  ///
  /// The corresponding C function is `H5Fis_hdf5`.
  ///
  /// - Throws: if the file cannot be read.
  public static func isHDF5(_ path: String) throws(HDF5Error) -> Bool {
    try HDF5Library.prepare()
    return try call("H5Fis_hdf5", to: "examine \(path)") { path.withFileName { H5Fis_hdf5($0) } } > 0
  }

  /// The size in bytes, including what is allocated and not yet written.
  ///
  /// The corresponding C function is `H5Fget_filesize`.
  public var fileSize: Int {
    get throws(HDF5Error) {
      try open.size(to: "get the size of \(path)")
    }
  }

  /// Hands everything written so far to the operating system. It may still lie in its cache: `fsync` is the caller's.
  ///
  /// The corresponding C function is `H5Fflush`.
  ///
  /// - Throws: if writing fails, or an object's close failed before.
  public func flush() throws(HDF5Error) { try open.flush() }

  /// Writes everything and closes the file with all that is open in it, whatever still refers to it. Using it
  /// afterwards throws; closing it again does nothing.
  ///
  /// With a full disk every write can succeed and only this fail. The file is then lost to this process, perhaps with
  /// its descriptor, because the library has freed part of what it stands for.
  ///
  /// The corresponding C function is `H5Fclose`.
  ///
  /// - Throws: if anything could not be written, now or in an object's close before.
  public func close() throws(HDF5Error) { try open.close() }
}

/// An open file, shared by everything opened in it, so that it outlives them all.
final class OpenFile: Sendable {
  let handle: Handle
  let path: String
  /// The first failure that nobody was there to be told of: an object's close after its last use.
  private let failure = Guarded<HDF5Error?>(nil)
  /// One for each dataset of the file that has chunks, by the bytes of its path, however often it is opened.
  private let chunkGuards = Guarded<[[UInt8]: ChunkGuard]>([:])

  /// The guard of a dataset, which is made when it is first asked for.
  func chunkGuard(of path: String, _ make: () -> ChunkGuard?) -> ChunkGuard? {
    chunkGuards.withLock { guards in
      let known = guards[Array(path.utf8)] ?? make()
      guards[Array(path.utf8)] = known
      return known
    }
  }

  init(_ handle: Handle, path: String) {
    self.handle = handle
    self.path = path
  }

  /// Closes an object of this file that is no longer used.
  func release(_ object: Handle, to attempt: @autoclosure () -> String) {
    // Closing a file closes what was open in it.
    guard handle.isOpen else { return object.abandon() }
    do { try object.close(to: attempt()) } catch { record(error) }
  }

  /// Keeps an error for ``close()``, unless there is one already.
  func record(_ error: HDF5Error) {
    failure.withLock { $0 = $0 ?? error }
  }

  /// The size in bytes, including what is allocated and not yet written.
  func size(to attempt: @autoclosure () -> String) throws(HDF5Error) -> Int {
    var size: hsize_t = 0
    try call("H5Fget_filesize", to: attempt()) { H5Fget_filesize(handle.identifier, &size) }
    return Int(clamping: size)
  }

  /// Writes what the library still holds.
  func flush() throws(HDF5Error) {
    try throwRecorded()
    try call("H5Fflush", to: "write \(path)") { H5Fflush(handle.identifier, H5F_SCOPE_GLOBAL) }
  }

  /// Closes the file and everything opened in it.
  func close() throws(HDF5Error) {
    guard handle.isOpen else { return }
    do { try throwRecorded() } catch {
      // The library leaves an object whose close failed half freed and then closes the file as if all were well.
      handle.abandon()
      throw error
    }
    try handle.close(to: "close \(path)")
  }

  private func throwRecorded() throws(HDF5Error) {
    if let error = failure.withLock({ $0 }) { throw error }
  }
}

/// An open group or dataset, for use inside this module.
public final class OpenObject: Sendable {
  let handle: Handle
  let file: OpenFile
  let path: String

  init(_ handle: Handle, file: OpenFile, path: String) {
    self.handle = handle
    self.file = file
    self.path = path
  }

  deinit { file.release(handle, to: "close \(path)") }

  /// For the library's functions; negative once closed.
  var identifier: Int64 { handle.identifier }

  /// Closes the object now.
  ///
  /// - Throws: if what is left of its data cannot be written. The file's close then fails, too.
  func close() throws(HDF5Error) {
    guard file.handle.isOpen else { return handle.abandon() }
    do { try handle.close(to: "close \(path)") } catch {
      file.record(error)
      throw error
    }
  }
}
