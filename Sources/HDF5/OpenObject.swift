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
