using System.Globalization;
using Berth.Abstractions;

namespace Berth.Images;

/// <summary>The user that an image wants to run as; both are empty where it does not say.</summary>
public readonly record struct ImageUser(uint? Uid, string Username)
{
    /// <summary>Reads <c>user[:group]</c>. A number that no user can have is an error, never another user.</summary>
    /// <exception cref="RuntimeException">The number is out of range: InvalidArgument.</exception>
    public static ImageUser Parse(string user, string image)
    {
        var name = user.Split(':', 2)[0];
        if (name.Length == 0)
        {
            return new(null, "");
        }

        if (!name.All(char.IsAsciiDigit))
        {
            return new(null, name);
        }

        // Runtimes keep ids in a signed int at places, so the upper half is refused as well.
        return uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var uid) && uid <= int.MaxValue
            ? new(uid, "")
            : throw RuntimeException.InvalidArgument($"image {image}: its user {name} is out of range (0 to {int.MaxValue}); build it with a user that can be");
    }
}
