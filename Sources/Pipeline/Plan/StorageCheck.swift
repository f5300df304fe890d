import HDF5

/// Refuses data that lies in other files, filters that are not there, and shapes that the file cannot hold.
struct StorageCheck {
  /// The file's path, for messages.
  let file: String
  let fileSize: Int

  /// Deflate makes data at most 1032 times smaller; a chunked shape beyond that is damage, or next to all of it was never
  /// written.
  private static let largestRatio = 1032

  /// - Throws: `PipelineError` if the dataset cannot be read safely.
  func check(_ dataset: Dataset, _ type: NumericType) throws {
    let byteCount = dataset.elementCount * type.byteCount
    // No file system holds that much, and sizes computed from it would not fit an Int.
    if byteCount > 1 << 56 {
      throw PipelineError.largerThanFile(
        file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
    }
    switch dataset.storage {
    case .external:
      throw PipelineError.foreignStorage(file: file, dataset: dataset.path, kind: "external storage")
    case .virtual:
      throw PipelineError.foreignStorage(file: file, dataset: dataset.path, kind: "a virtual dataset")
    case .contiguous(let offset):
      if let offset, byteCount > 0, offset < 0 || Int(offset) > fileSize - byteCount {
        throw PipelineError.largerThanFile(
          file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
      }
      if offset == nil { try checkUnallocated(dataset, byteCount) }
    case .chunked(let chunks):
      if let filter = chunks.filters.first(where: { !$0.isAvailable }) {
        throw PipelineError.unavailableFilter(
          file: file, dataset: dataset.path, filter: filter.name, identifier: filter.identifier)
      }
      if dataset.storageSize == 0 { try checkUnallocated(dataset, byteCount) }
      let (most, overflows) = max(fileSize, 1 << 20).multipliedReportingOverflow(by: Self.largestRatio)
      if !overflows && byteCount > most {
        throw PipelineError.largerThanFile(
          file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
      }
    case .compact: break
    }
  }

  /// A dataset that was never written reads as its fill value. That may be meant, but not with a size that the file
  /// could not describe honestly.
  private func checkUnallocated(_ dataset: Dataset, _ byteCount: Int) throws {
    if byteCount > max(fileSize, 1 << 30) {
      throw PipelineError.largerThanFile(
        file: file, dataset: dataset.path, shape: dataset.shape, byteCount: byteCount, fileSize: fileSize)
    }
  }
}
