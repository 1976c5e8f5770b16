using System.Collections.Concurrent;
using System.Security.Cryptography;
using Berth.Configuration;
using Berth.Plugins.Remote;

namespace Berth.Plugins.Signatures;

/// <summary>
/// Whether a plugin may be loaded: what came with Berth may, for it lies where only Berth's own package writes; all else needs a
/// signature by a key that plugins.json lists, or the operator's word that unsigned plugins are taken.
/// </summary>
/// <param name="time">Tells whether a key is still good.</param>
public sealed class SignaturePolicy(TimeProvider time)
{
    /// <summary>What <see cref="PluginEntry.Origin"/> says of a plugin that lies beside the program.</summary>
    public const string Shipped = "shipped";

    /// <summary>What it says of one that was taken without a signature.</summary>
    public const string Unsigned = "unsigned";

    // Staged folders never change, so one look at each is enough; which keys are trusted may change.
    private readonly ConcurrentDictionary<string, (PluginSignature? Signature, string Content)> _known = new();

    /// <param name="found">Where the plugin was found.</param>
    /// <param name="staged">The copy that will be loaded, which nobody changes any more.</param>
    /// <param name="id">The plugin.</param>
    /// <param name="options">The operator's word.</param>
    /// <returns>Where it comes from: <see cref="Shipped"/>, <see cref="Unsigned"/>, or who has signed it.</returns>
    /// <exception cref="PluginRejectedException">It may not be loaded.</exception>
    public string Check(string found, string staged, string id, SignatureOptions options)
    {
        if (IsolationChoice.IsShipped(found))
        {
            return Shipped;
        }

        var (signature, content) = _known.GetOrAdd(staged, static folder => Look(folder));
        return Judge(signature, content, id, options);
    }

    /// <summary>The same for a folder at rest; nothing is remembered.</summary>
    public string CheckOnce(string folder, string id, SignatureOptions options)
    {
        if (IsolationChoice.IsShipped(folder))
        {
            return Shipped;
        }

        var (signature, content) = Look(folder);
        return Judge(signature, content, id, options);
    }

    /// <summary>The same, without an exception: where it comes from, or why it may not be loaded.</summary>
    public (string Origin, string Refusal) Examine(string folder, string id, SignatureOptions options)
    {
        try
        {
            return (CheckOnce(folder, id, options), "");
        }
        catch (PluginRejectedException e)
        {
            return ("", e.Message);
        }
    }

    private static (PluginSignature? Signature, string Content) Look(string folder) =>
        PluginSignature.Read(folder) is { } signature ? (signature, PluginSignature.DigestOf(folder)) : (null, "");

    private string Judge(PluginSignature? signature, string content, string id, SignatureOptions options)
    {
        if (signature is null)
        {
            return options.AllowUnsigned ? Unsigned : throw Refused("it is not signed, and plugins.signatures.allowUnsigned in plugins.json is not set");
        }

        if (signature.Digest != content)
        {
            throw Refused("its signature is of other content: a file was changed, added or removed after it was signed, or the signature is another folder's");
        }

        var (name, key) = options.Keys.FirstOrDefault(k => SigningKey.Fingerprint(k.Value.PublicKey) == signature.Key);
        if (key is null)
        {
            return options.AllowUnsigned ? Unsigned : throw Refused($"it is signed by the key {signature.Key}, which is not in plugins.signatures.keys");
        }

        if (!IsGood(signature, key))
        {
            throw Refused($"its signature is not by key '{name}', as it claims");
        }

        if (key.Plugins.Count > 0 && !key.Plugins.Contains(id))
        {
            throw Refused($"key '{name}', which signed it, counts for {string.Join(", ", key.Plugins)} and not for {id}");
        }

        return key.NotAfter is { } end && time.GetUtcNow() > end
            ? throw Refused($"key '{name}', which signed it, was good until {end.UtcDateTime:u}")
            : $"signed by {name}";
    }

    private static bool IsGood(PluginSignature signature, TrustedKey key)
    {
        try
        {
            return signature.IsBy(key.PublicKey);
        }
        catch (CryptographicException)
        {
            return false; // not even the form of a signature
        }
    }

    private static PluginRejectedException Refused(string reason) => new(PluginState.Failed, PluginRefusal.Signature, reason);
}
