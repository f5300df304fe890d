import Foundation
import HDF5

extension File {
  /// Creates a file, or one anew in place of another: with nothing of the old one, its locks included. While any test starts a program, the new
  /// process has what this one has open, for a moment and with its locks, so that a file just closed can be found locked.
  public convenience init(anew path: String) throws {
    try? FileManager.default.removeItem(atPath: path)
    try self.init(creating: path)
  }
}
