/*
 * keyring.c
 *	  Secret keys of the server, from files that its administrator keeps.
 *
 * A file has one or two lines of secret text.  The first is the key in force, the other the
 * one before it.  A file is read when the setting that names it has changed, and kept for
 * the session.
 */
#include "account.h"

#include <sys/stat.h>

#include "storage/fd.h"
#include "utils/memutils.h"

#define KEY_MIN 16
#define FILE_MAX 4096			/* bytes, lines that are empty among them */

static void
forget(Keyring *ring)
{
	ring->count = 0;
	explicit_bzero(ring->keys, sizeof(ring->keys));
}

/* Opens the file, which is to be one: what is read from anything else may never end, or never come. */
static FILE *
open_file(const Keyring *ring)
{
	struct stat status;
	FILE	   *file = NULL;

	if (stat(*ring->setting, &status) == 0)
	{
		if (!S_ISREG(status.st_mode))
			error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "the %s is no regular file", ring->what);
		file = AllocateFile(*ring->setting, "r");
	}
	if (file == NULL)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "could not open the %s: %s", ring->what, strerror(errno));
	return file;
}

/* Takes the keys out of what is in the file; false if that is anything but one or two usable lines, or none. */
static bool
take_keys(Keyring *ring, char *content)
{
	for (char *line = content; *line != '\0';)
	{
		size_t		length = strcspn(line, "\r\n");
		char	   *next = line + length + (line[length] != '\0' ? 1 : 0);

		if (length > 0)
		{
			if (ring->count == KEYRING_KEYS_MAX || length < KEY_MIN || length > KEYRING_KEY_MAX)
				return false;
			line[length] = '\0';
			strlcpy(ring->keys[ring->count++], line, sizeof(ring->keys[0]));
		}
		line = next;
	}
	return true;
}

/* Reads the file. */
static void
read_file(Keyring *ring)
{
	FILE	   *file = open_file(ring);
	char		content[FILE_MAX + 1];
	size_t		length;
	bool		failed;
	bool		usable;

	/* No buffer of its own, which would be freed with the keys in it. */
	setvbuf(file, NULL, _IONBF, 0);
	length = fread(content, 1, sizeof(content), file);
	failed = ferror(file) != 0;
	usable = length <= FILE_MAX && memchr(content, '\0', length) == NULL;
	FreeFile(file);
	content[Min(length, FILE_MAX)] = '\0';
	usable = usable && take_keys(ring, content);
	explicit_bzero(content, sizeof(content));
	if (usable && !failed && ring->count > 0)
		return;
	forget(ring);
	if (failed)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "could not read the %s", ring->what);
	if (usable)
		error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "the %s is empty", ring->what);
	error_raise(ERROR_INTERNAL_SERVER_ERROR, ring->hint, "the %s must have one or two lines of %d to %d bytes",
				ring->what, KEY_MIN, KEYRING_KEY_MAX);
}

int
keyring_load(Keyring *ring)
{
	if ((*ring->setting)[0] == '\0')
		return 0;
	if (ring->file == NULL || strcmp(ring->file, *ring->setting) != 0)
	{
		/* Forgotten first: after an error the file is read again, whichever it is by then. */
		keyring_forget(ring);
		read_file(ring);
		ring->file = MemoryContextStrdup(TopMemoryContext, *ring->setting);
	}
	return ring->count;
}

void
keyring_forget(Keyring *ring)
{
	if (ring->file != NULL)
		pfree(ring->file);
	ring->file = NULL;
	forget(ring);
}
