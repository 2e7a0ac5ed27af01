"""What hostile servers, models, files and neighbours are not able to do."""
