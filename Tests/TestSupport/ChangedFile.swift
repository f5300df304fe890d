import Foundation

extension FileManager {
  /// Gives a file another time of change, as one has that was written since it was opened.
  public func changeTime(ofItemAtPath path: String) throws {
    try setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
  }
}
