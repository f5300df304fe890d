import ChunkCodec
import HDF5

/// The filters of libraries that are present, for what the HDF5 library reads itself: parameters, masks, and large data that
/// `ChunkedSource` does not suit.
enum CompressionFilters {
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
