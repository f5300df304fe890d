import CHDF5
import Parallel

/// An open file, shared by everything opened in it, so that it outlives them all.
final class OpenFile: Sendable {
  let handle: Handle
  let path: String
  /// The first failure that nobody was there to be told of: an object's close after its last use.
  private let failure = Guarded<HDF5Error?>(nil)

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
