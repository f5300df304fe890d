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
    CompressionFilters.register()
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

/// The filters of libraries that are present, for what the HDF5 library reads itself: parameters, masks, and large data that
/// `ChunkedSource` does not suit.
private enum CompressionFilters {
  /// Registers them, once per process. Of a dataset that was opened before, the library does not know that it can read it.
  static func register() { _ = registered }

  private static let registered: Void = {
    for library in CompressionLibrary.allCases where library.isPresent {
      // Where the HDF5 library refuses, data with that filter is refused later, by name.
      switch library {
      case .lzf:
        try? HDF5Library.register(filter: library.filterIdentifier, name: "lzf") {
          flags, _, _, used, size, buffer in
          undo(.lzf, flags, used, size, buffer)
        }
      case .zstd:
        try? HDF5Library.register(filter: library.filterIdentifier, name: "zstd") {
          flags, _, _, used, size, buffer in
          undo(.zstd, flags, used, size, buffer)
        }
      }
    }
  }()

  private static func undo(
    _ library: CompressionLibrary, _ flags: UInt32, _ used: Int, _ size: UnsafeMutablePointer<Int>?,
    _ buffer: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int {
    HDF5Library.undo(library.filterIdentifier, flags, used, size, buffer) { source, target in
      library.decompress(source, into: target) == target.count
    }
  }
}
