/// How a new dataset's elements are to lie in the file.
public enum StorageRequest: Hashable, Sendable {
  /// One run of bytes, allocated at once and never filled: what is not written reads as whatever the file holds there.
  ///
  /// After ``File/flush()`` the dataset's ``Dataset/storage`` gives its offset, unless it has no elements.
  case contiguous
  /// Chunks of `shape`, which has the dataset's rank and is nowhere longer than the dataset, passed through `filters`
  /// in their order. What is not written reads as zero.
  case chunked(shape: [Int], filters: [FilterRequest])
}

/// A filter for a new dataset.
public enum FilterRequest: Hashable, Sendable {
  /// Sorts the bytes by their significance, which helps compression.
  case shuffle
  /// Compresses with zlib at a level from 0 to 9.
  case deflate(level: Int)
  /// Adds a checksum of four bytes.
  case fletcher32
}
