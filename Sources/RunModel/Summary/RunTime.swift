/// Where a run's time went, in seconds, summed over threads; what was not measured is left out.
public struct RunTime: Codable, Sendable, Equatable {
  public var read: Double?
  /// Undoing filters and converting element types.
  public var decode: Double?
  public var compute: Double?
  /// Converting element types and applying filters.
  public var encode: Double?
  public var write: Double?
  /// Waiting for work, for a lock, or for another thread.
  public var wait: Double?

  public init(
    read: Double? = nil, decode: Double? = nil, compute: Double? = nil, encode: Double? = nil,
    write: Double? = nil, wait: Double? = nil
  ) {
    self.read = read
    self.decode = decode
    self.compute = compute
    self.encode = encode
    self.write = write
    self.wait = wait
  }
}
