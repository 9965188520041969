/*
 * keyring.c
 *	  Secret keys of the server, from files that its administrator keeps.
 *
 * A file has one or two lines of secret text.  The first is the key in force, the other the
 * one before it.  A file is read when the setting that names it has changed, and kept for
 * the session.
 */
#include "account.h"

#include "storage/fd.h"
#include "utils/memutils.h"

#define KEY_MIN 16

static void
forget(Keyring *ring)
{
	ring->count = 0;
	explicit_bzero(ring->keys, sizeof(ring->keys));
}

/* Reads the file; anything but one or two usable lines is an error. */
static void
read_file(Keyring *ring)
{
	FILE	   *file = AllocateFile(*ring->setting, "r");
	char		line[KEYRING_KEY_MAX + 2];

	if (file == NULL)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "could not open the %s: %s", ring->what, strerror(errno));
	while (fgets(line, sizeof(line), file) != NULL)
	{
		size_t		length = strcspn(line, "\r\n");

		if (length == 0)
			continue;
		if (ring->count == KEYRING_KEYS_MAX || length < KEY_MIN || length > KEYRING_KEY_MAX)
		{
			forget(ring);
			explicit_bzero(line, sizeof(line));
			error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "the %s must have one or two lines of %d to %d bytes",
						ring->what, KEY_MIN, KEYRING_KEY_MAX);
		}
		line[length] = '\0';
		strlcpy(ring->keys[ring->count++], line, sizeof(ring->keys[0]));
	}
	FreeFile(file);
	explicit_bzero(line, sizeof(line));
	if (ring->count == 0)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "the %s is empty", ring->what);
}

int
keyring_load(Keyring *ring)
{
	if ((*ring->setting)[0] == '\0')
		return 0;
	if (ring->file == NULL || strcmp(ring->file, *ring->setting) != 0)
	{
		/* Forgotten first: after an error the file is read again, whichever it is by then. */
		if (ring->file != NULL)
			pfree(ring->file);
		ring->file = NULL;
		forget(ring);
		read_file(ring);
		ring->file = MemoryContextStrdup(TopMemoryContext, *ring->setting);
	}
	return ring->count;
}
