import ChunkCodec
import HDF5

/// Refuses data that lies in other files, filters that are not there, and shapes that the file cannot hold.
package struct StorageCheck {
  /// The file's path, for messages.
  let file: String
  let fileSize: Int

  /// - Parameter file: its path, for messages.
  package init(file: String, fileSize: Int) {
    self.file = file
    self.fileSize = fileSize
  }

  /// Deflate makes data at most 1032 times smaller, the libraries have ratios of their own; a chunked shape beyond that is
  /// damage, or next to all of it was never written.
  private static func largestRatio(_ chunks: ChunkLayout) -> Int {
    chunks.filters.compactMap { $0.compression?.library.largestRatio }.reduce(1032, max)
  }

  /// - Throws: `StreamError` if the dataset cannot be read safely.
  package func check(_ dataset: Dataset) throws {
    let byteCount = dataset.elementCount * dataset.elementByteCount
    // No file system holds that much, and sizes computed from it would not fit an Int.
    if byteCount > 1 << 56 {
      throw StreamError.largerThanFile(
        file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
    }
    switch dataset.storage {
    case .external:
      throw StreamError.foreignStorage(file: file, dataset: dataset.path, kind: "external storage")
    case .virtual:
      throw StreamError.foreignStorage(file: file, dataset: dataset.path, kind: "a virtual dataset")
    case .contiguous(let offset):
      if let offset, byteCount > 0, offset < 0 || Int(offset) > fileSize - byteCount {
        throw StreamError.largerThanFile(
          file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
      }
      if offset == nil { try checkUnallocated(dataset, byteCount) }
    case .chunked(let chunks):
      for filter in chunks.filters { try checkPresence(filter, dataset) }
      if let filter = chunks.filterWithForeignParameters(elementSize: dataset.elementByteCount) {
        throw StreamError.filterParameters(file: file, dataset: dataset.path, filter: filter.name)
      }
      try checkCompression(dataset, chunks)
      if dataset.storageSize == 0 { try checkUnallocated(dataset, byteCount) }
      let (most, overflows) = max(fileSize, 1 << 20).multipliedReportingOverflow(
        by: Self.largestRatio(chunks))
      if !overflows && byteCount > most {
        throw StreamError.largerThanFile(
          file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
      }
    case .compact: break
    }
  }

  private func checkPresence(_ filter: Filter, _ dataset: Dataset) throws {
    if let library = filter.compression?.library, !library.isPresent {
      throw StreamError.missingLibrary(
        file: file, dataset: dataset.path, filter: filter.name, identifier: filter.identifier, library)
    }
    let codec = filter.compression?.missingCodec
    guard filter.isAvailable, codec == nil else {
      throw StreamError.unavailableFilter(
        file: file, dataset: dataset.path, filter: filter.name + (codec.map { " with \($0)" } ?? ""),
        identifier: filter.identifier)
    }
  }

  /// Beside a library's compression, only filters that say how long its result is.
  private func checkCompression(_ dataset: Dataset, _ chunks: ChunkLayout) throws {
    guard let library = chunks.filters.first(where: { $0.compression != nil }) else { return }
    let shuffleAndFletcher32 = [2, 3]
    let others = chunks.filters.filter {
      !shuffleAndFletcher32.contains($0.identifier) && $0.registered?.keepsLength != true
    }
    guard others.count > 1 else { return }
    throw StreamError.unavailableFilter(
      file: file, dataset: dataset.path, filter: others.map(\.name).joined(separator: " and "),
      identifier: library.identifier)
  }

  /// A dataset that was never written reads as its fill value. That may be meant, but not with a size that the file
  /// could not describe honestly.
  private func checkUnallocated(_ dataset: Dataset, _ byteCount: Int) throws {
    if byteCount > max(fileSize, 1 << 30) {
      throw StreamError.largerThanFile(
        file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
    }
  }
}

extension Filter {
  /// The filter if a library other than HDF5's undoes it.
  fileprivate var compression: Compression? {
    guard case .compression(let compression)? = registered else { return nil }
    return compression
  }
}
