import ChunkCodec
import HDF5

/// An HDF5 file that is open for reading, through the library and around it.
package struct InputFile: Sendable {
  /// As the user gave it, for messages.
  package let path: String
  /// The file as the HDF5 library sees it.
  package let library: File
  package let positional: PositionalFile
  /// The file as it was when it was opened.
  package let status: FileStatus

  /// Opens a file.
  /// - Throws: `StreamError` if it is missing, no regular file, or not complete HDF5.
  package init(path: String) throws(StreamError) {
    self.path = path
    guard let found = FileLayer.current.status(at: path) else { throw .noSuchInput(path: path) }
    guard found.isRegularFile else { throw .inputIsNotAFile(path: path) }
    positional = try PositionalFile(reading: path)
    status = try positional.status()
    RegisteredFilters.register()
    let library: File?
    do {
      library = try File.isHDF5(path) ? File(reading: path) : nil
    } catch {
      throw .opening(positional, status, error)
    }
    guard let library else { throw .inputIsNotHDF5(path: path) }
    self.library = library
  }

  /// Throws if the file was changed since it was opened: results would mix old and new data.
  package func checkIsUnchanged() throws(StreamError) {
    let now = try positional.status()
    if now != status || positional.statusOfName() != status { throw .inputChanged(path: path) }
  }

  /// What a user should know though nothing is wrong.
  package var warnings: [StreamWarning] {
    library.openedWithoutLock ? [.inputNotLocked(path: path)] : []
  }
}

/// Filters that the HDF5 library has not itself, for what it reads: parameters, masks, and large data that `ChunkedReader` does
/// not suit.
private enum RegisteredFilters {
  /// Registers them, once per process. Of a dataset that was opened before, the library does not know that it can read it.
  static func register() { _ = registered }

  private static let registered: Void = {
    for identifier in ChunkFilter.registered {
      // Where the HDF5 library refuses, data with that filter is refused later, by name. What it calls is not told for which
      // filter.
      switch identifier {
      case 32000: register(32000, "lzf") { undo(32000, $0, $1, $2, $3, $4, $5) }
      case 32001: register(32001, "blosc") { undo(32001, $0, $1, $2, $3, $4, $5) }
      case 32004: register(32004, "lz4") { undo(32004, $0, $1, $2, $3, $4, $5) }
      case 32008: register(32008, "bitshuffle") { undo(32008, $0, $1, $2, $3, $4, $5) }
      case 32015: register(32015, "zstd") { undo(32015, $0, $1, $2, $3, $4, $5) }
      default: break
      }
    }
  }()

  private static func register(_ identifier: Int, _ name: StaticString, _ function: FilterFunction) {
    try? HDF5Library.register(filter: identifier, name: name, function: function)
  }

  private static func undo(
    _ identifier: Int, _ flags: UInt32, _ parameterCount: Int, _ parameters: UnsafePointer<UInt32>?,
    _ used: Int, _ size: UnsafeMutablePointer<Int>?, _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int {
    let numbers = Array(UnsafeBufferPointer(start: parameters, count: parameterCount))
    guard let filter = ChunkFilter(registered: identifier, parameters: numbers) else { return 0 }
    return HDF5Library.undo(identifier, flags, used, size, buffer) { source, target in
      filter.undoRegistered(source, into: target) == target.count
    }
  }
}
