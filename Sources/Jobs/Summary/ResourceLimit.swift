/// A default that is smaller than the machine would allow, because less of the machine is this process's.
public struct ResourceLimit: Codable, Sendable, Equatable {
  /// What is limited.
  public enum Resource: String, Codable, Sendable {
    /// How many compute.
    case threads
    /// Bytes that buffers may take.
    case memory
  }

  /// Who limits it.
  public enum Authority: String, Codable, Sendable {
    case affinity
    case controlGroup = "control_group"
  }

  /// What is limited.
  public var resource: Resource
  /// Who limits it.
  public var limitedBy: Authority
  /// The control group whose limit it is.
  public var group: String?
  /// Processors, or bytes of memory, that the process may use.
  public var allowed: Int
  /// Processors, or bytes of memory, that the machine has.
  public var available: Int

  /// Nil if nobody but the machine limits it.
  public init?(_ resource: Resource, _ share: Machine.Share) {
    switch share.authority {
    case .machine: return nil
    case .affinity: limitedBy = .affinity
    case .controlGroup(let path):
      limitedBy = .controlGroup
      group = path
    }
    self.resource = resource
    allowed = share.allowed
    available = share.available
  }

  private enum CodingKeys: String, CodingKey {
    case resource
    case limitedBy = "limited_by"
    case group, allowed, available
  }
}
