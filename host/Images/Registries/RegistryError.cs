using System.Net;
using System.Text.Json;
using Berth.Abstractions;

namespace Berth.Images.Registries;

/// <summary>Turns a registry's refusal into our error: what was asked of whom, what it said, and what helps.</summary>
internal static class RegistryError
{
    private const int LargestErrorBytes = 64 * 1024;

    public static async Task<RuntimeException> FromAsync(
        HttpResponseMessage response, string host, string what, RegistryTransport transport, CancellationToken cancellationToken)
    {
        var said = await MessageAsync(response, transport, cancellationToken);
        var status = $"{(int)response.StatusCode} {response.StatusCode}{(said.Length > 0 ? ": " + said : "")}";
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => new(
                RuntimeErrorCode.PermissionDenied, $"registry {host} refuses {what} ({status}); give credentials that may read it (imagePullSecrets, or images.authFile)"),
            HttpStatusCode.NotFound => RuntimeException.NotFound($"registry {host} does not have {what} ({status}); check the name, and the tag or digest"),
            HttpStatusCode.TooManyRequests => RuntimeException.Unavailable($"registry {host} limits how much is pulled, and refuses {what} ({status}); try later, or with credentials"),
            >= HttpStatusCode.InternalServerError => RuntimeException.Unavailable($"registry {host} fails to give {what} ({status}); try again"),
            _ => RuntimeException.FailedPrecondition($"registry {host} answers {what} with {status}; is it a registry of the v2 API?"),
        };
    }

    // {"errors":[{"code":"…","message":"…"}]}, by the distribution specification; whatever else is left out.
    private static async Task<string> MessageAsync(HttpResponseMessage response, RegistryTransport transport, CancellationToken cancellationToken)
    {
        try
        {
            using var document = JsonDocument.Parse(await transport.ReadAsync(response, LargestErrorBytes, cancellationToken));
            var message = document.RootElement.GetProperty("errors")[0].GetProperty("message").GetString() ?? "";
            return new string([.. message.Where(static c => !char.IsControl(c)).Take(200)]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or IndexOutOfRangeException or RuntimeException)
        {
            return "";
        }
    }
}
